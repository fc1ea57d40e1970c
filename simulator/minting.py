"""Ephemeral keys: minted with a session in them, good for as many sessions as are opened until they expire."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from typing import Final

from simulator.config import Config
from simulator.machine import Machine

PREFIX: Final = "ek_"


@dataclass(frozen=True, slots=True)
class Secret:
    """A minted key; `expires_at` is unix seconds."""

    value: str = field(repr=False)
    expires_at: int
    kind: type[Machine]
    session: Config
    """Settings in GA names, already checked."""
    beta: bool = False
    """Minted by a beta endpoint."""


class Secrets:
    """All keys that are still good."""

    def __init__(self) -> None:
        self._good: dict[str, Secret] = {}

    def mint(self, kind: type[Machine], session: Config, seconds: int, *, beta: bool = False) -> Secret:
        """A new key that is good for `seconds`."""
        secret = Secret(PREFIX + secrets.token_hex(16), int(time.time()) + seconds, kind, session, beta)
        self._good = {value: known for value, known in self._good.items() if _lasts(known)} | {secret.value: secret}
        return secret

    def find(self, shown: Iterable[str]) -> Secret | None:
        """The first of these credentials that is a good key."""
        found = (self._good.get(value) for value in shown)
        return next((secret for secret in found if secret is not None and _lasts(secret)), None)

    def expire(self, value: str) -> None:
        """Makes this key as old as if its time were over, for tests. Raises KeyError for one that was not minted here."""
        self._good[value] = replace(self._good[value], expires_at=0)


def _lasts(secret: Secret) -> bool:
    return time.time() < secret.expires_at
