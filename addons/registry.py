"""The calls that this proxy knows: our id, whose they are, where they go, and what the provider calls them.

What stands here goes before anything a client says about a call. Modes are those of a route, and `telephone` for one that
rang at the provider and was accepted through here.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field
from secrets import token_hex
from typing import Final

from providers.base import Account
from realtime.session import CallLink
from realtime.session import Session
from rules.resolve import Target

MAX_CALLS: Final = 4096
"""Calls that are remembered; the oldest is forgotten for a new one."""


CALL: Final = "voicetap.call"
"""Key of `flow.metadata`: the `Call` whose offer or control this request is."""

CALL_PREFIX: Final = "call_"


def new_call_id() -> str:
    """Our id of a call."""
    return CALL_PREFIX + token_hex(13)


@dataclass(slots=True)
class Call:
    """One call. `session` is None where none of its events come through here."""

    link: CallLink
    principal: str
    target: Target
    until: float
    account: Account = field(repr=False)
    """Whose account at the provider it runs on."""
    session: Session | None = None

    @property
    def id(self) -> str:
        return self.link.id


class Registry:
    """Calls by our id."""

    def __init__(self) -> None:
        self._calls: dict[str, Call] = {}

    def add(self, call: Call) -> None:
        now = time.monotonic()
        for known in [known for known in self._calls.values() if known.until <= now]:
            del self._calls[known.id]
        while len(self._calls) >= MAX_CALLS:
            del self._calls[next(iter(self._calls))]
        self._calls[call.id] = call

    def find(self, named: str, principal: str) -> Call | None:
        """A call of this principal by our id or the provider's; None for one of somebody else, as for one that never was."""
        call = self._named(named)
        return call if call is not None and call.principal == principal and call.until > time.monotonic() else None

    def knows(self, named: str) -> bool:
        """Whether an id is that of a call, ours or the provider's, whoever it belongs to."""
        return self._named(named) is not None

    def get(self, call_id: str) -> Call | None:
        """A call, whoever it belongs to; for the proxy's own use."""
        return self._calls.get(call_id)

    def of(self, session: Session) -> Call | None:
        """The call that a session carries; None for one that only looks on."""
        call = self._calls.get(session.call.id) if session.call is not None else None
        return call if call is not None and call.session is session else None

    def forget(self, call: Call) -> None:
        self._calls.pop(call.id, None)

    def _named(self, named: str) -> Call | None:
        found = self._calls.get(named)
        return found or next((call for call in self._calls.values() if call.link.upstream_id == named), None)

    def __iter__(self) -> Iterator[Call]:
        return iter(self._calls.values())
