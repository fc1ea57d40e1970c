"""Ephemeral keys that apps mint for browsers: known by their hash alone, what they stand for sealed with the key itself.

Whoever reads the file learns neither a key nor a provider's secret. A change is on the disk when the call returns, and whether
a key may be used is decided in one step that no other process comes between.
"""

from __future__ import annotations

import json
import os
from base64 import urlsafe_b64decode
from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from datetime import datetime
from datetime import timedelta
from typing import Any
from typing import Final
from typing import Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from tinydb import where

from providers.base import Family
from rules.keys import hash_key
from store.clock import Clock
from store.clock import utc_now
from store.state import State

PREFIX: Final = "ek_vt_"
"""Browsers' SDKs take a key that begins with `ek_` for one that may be shown to a page."""

MOST_OF_A_KEY: Final = 1000
"""Ephemeral keys of one virtual key that work at the same time."""

KEPT: Final = timedelta(hours=1)
"""For how long an expired one stays listed; sessions that it opened can be ended by its name until then."""

_NONCE: Final = 12
_SEALED: Final = ("secret", "session", "in_force")
"""What nobody can read who has not the key itself."""

TokenState = Literal["ok", "revoked", "used", "expired"]


@dataclass(frozen=True, slots=True)
class Token:
    """One ephemeral key. `secret` (the provider's, None where voicetap made it alone), `session` and `in_force` are known when it
    was presented.

    `model` is the catalogue's name, `upstream_model` the provider's; `session` is the configuration that it stands for where no
    provider keeps that, `in_force` the record of the instructions and tools in it (see `realtime.watch.InForce`).
    """

    id: str
    hash: str
    principal: str
    provider: str
    route: str | None
    model: str | None
    upstream_model: str | None
    family: Family
    expires: datetime
    single_use: bool = False
    origin: str | None = None
    sealed: str = field(default="", repr=False)
    revoked: bool = False
    used: bool = False
    secret: str | None = field(default=None, repr=False)
    session: Mapping[str, Any] | None = field(default=None, repr=False)
    in_force: Mapping[str, Any] | None = field(default=None, repr=False)
    consents: bool = False
    """Whether the request for it said that its sessions may be recorded."""

    def state(self, now: datetime) -> TokenState:
        """Whether it may open a session at `now`; the virtual key that it belongs to has to work too."""
        if self.revoked:
            return "revoked"
        if now >= self.expires:
            return "expired"
        return "used" if self.used and self.single_use else "ok"


def new_token() -> tuple[str, str]:
    """A new key's id and the key itself, 256 random bits."""
    return f"tok_{os.urandom(13).hex()}", PREFIX + urlsafe_b64encode(os.urandom(32)).rstrip(b"=").decode()


def sealed(token: Token, text: str) -> Token:
    """The token as it is kept: with the hash of its text, its secret and session sealed, and neither of them open."""
    nonce = os.urandom(_NONCE)
    content = json.dumps({name: getattr(token, name) for name in _SEALED}).encode()
    box = nonce + AESGCM(_key(text)).encrypt(nonce, content, token.id.encode())
    return replace(token, hash=hash_key(text), sealed=urlsafe_b64encode(box).decode(), secret=None, session=None, in_force=None)


def opened(token: Token, text: str) -> Token:
    """The token with its secret and session. Raises ValueError where `text` is not its own, or the file was changed by hand."""
    box = urlsafe_b64decode(token.sealed)
    try:
        content = json.loads(AESGCM(_key(text)).decrypt(box[:_NONCE], box[_NONCE:], token.id.encode()))
    except InvalidTag:
        raise ValueError(f"{token.id} cannot be unsealed") from None
    return replace(token, **{name: content.get(name) for name in _SEALED})


class Tokens:
    """The ephemeral keys of a data folder; use it from one thread. Raises OSError and StoreError, as `State` does."""

    def __init__(self, state: State, *, clock: Clock = utc_now) -> None:
        self._state = state
        self._clock = clock

    def all(self) -> list[Token]:
        """Every one that is listed, oldest first."""
        self._state.refresh()
        return [_token(row) for row in self._rows().values()]

    def find(self, text: str) -> Token | None:
        """The key that `text` is, opened, whatever its state. Raises ValueError for one that was changed on the disk."""
        self._state.refresh()
        digest = hash_key(text)
        found = next((row for row in self._rows().values() if row["hash"] == digest), None)
        return opened(_token(found), text) if found is not None else None

    def revoked(self) -> frozenset[str]:
        """The ids of those that were revoked."""
        self._state.refresh()
        return frozenset(row["id"] for row in self._rows().values() if row["revoked"])

    def keep(self, tokens: Sequence[Token]) -> list[bool]:
        """Keep some that were sealed, and forget those long expired. False for each whose virtual key has as many as it may have."""
        now = self._clock()
        with self._state.exclusive():
            rows = self._rows()
            gone = [int(number) for number, row in rows.items() if now >= _expires(row) + KEPT]
            if gone:
                self._state.tokens.remove(doc_ids=gone)
            working = Counter(row["principal"] for row in rows.values() if _works(row, now))
            room = [_counted(working, token.principal) for token in tokens]
            if any(room):
                self._state.tokens.insert_multiple(_row(token) for token, fits in zip(tokens, room, strict=True) if fits)
            self._state.storage.tidy()
            return room

    def use(self, token_id: str) -> bool:
        """Open a session with it: False where it may not be, or not any more. Of several at once, one with a single use goes to one."""
        with self._state.exclusive():
            row = next((row for row in self._rows().values() if row["id"] == token_id), None)
            if row is None or _token(row).state(self._clock()) != "ok":
                return False
            if row["single_use"]:
                self._state.tokens.update({"used": True}, where("id") == token_id)
            return True

    def revoke(self, token_id: str) -> bool:
        """End it for good; False where there is none of this id."""
        return bool(self._state.tokens.update({"revoked": True}, where("id") == token_id))

    def _rows(self) -> Mapping[str, Mapping[str, Any]]:
        return self._state.storage.rows("tokens")


def _key(text: str) -> bytes:
    """The sealing key: made of the text, and nothing that the stored hash tells."""
    return HKDF(SHA256(), 32, salt=None, info=b"voicetap ephemeral key").derive(text.encode())


def _row(token: Token) -> dict[str, Any]:
    kept = {name: getattr(token, name) for name in Token.__slots__ if name not in _SEALED}
    return kept | {"expires": token.expires.isoformat()}


def _expires(row: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(row["expires"])


def _works(row: Mapping[str, Any], now: datetime) -> bool:
    """As `Token.state` says "ok", of a row: there may be thousands."""
    return not row["revoked"] and not (row["used"] and row["single_use"]) and now < _expires(row)


def _counted(working: Counter[str], principal: str) -> bool:
    """Whether there is room for one more, which is counted then."""
    if working[principal] >= MOST_OF_A_KEY:
        return False
    working[principal] += 1
    return True


def _token(row: Mapping[str, Any]) -> Token:
    known = {name: value for name, value in row.items() if name in Token.__slots__}
    return Token(**{**known, "expires": _expires(row)})
