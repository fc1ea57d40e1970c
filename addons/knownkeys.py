"""Which keys work now. Where that cannot be read, open sessions go on for a moment only: none of them could be revoked."""

from __future__ import annotations

import logging
from collections.abc import Collection
from collections.abc import Mapping
from typing import Final

from addons.endings import Cut
from addons.endings import not_allowed
from addons.tap import Tap
from realtime.framing import Close
from realtime.session import Session
from rules.access import FOREIGN
from rules.access import LOCAL
from rules.keys import state
from store.clock import utc_now
from store.errors import StoreError

logger = logging.getLogger(__name__)

UNREADABLE: Final = Close(1011, "the keys cannot be read")
_BLIND: Final = 2
"""Attempts in a row that may fail before sessions end."""


class KnownKeys:
    """`look` reads them, twice a second; `cut` says of a session whether they end it."""

    def __init__(self, tap: Tap) -> None:
        self.tap = tap
        self._keys: Mapping[str, str] = {}
        self._revoked: Collection[str] = ()
        self._failed = 0
        """Attempts in a row that failed."""

    def look(self) -> bool:
        """Read them; False where that failed."""
        moment = utc_now()
        try:
            keys = {LOCAL: "ok", FOREIGN: "ok", **{key.id: state(key, moment) for key in reversed(self.tap.keys)}}
            revoked = self.tap.tokens.revoked()
        except (OSError, StoreError) as error:
            self._failed += 1
            if self._failed == 1:
                logger.error("the keys cannot be read, so that none can be revoked: %s", error)
            return False
        if self._failed:
            logger.warning("the keys can be read again")
        self._keys, self._revoked, self._failed = keys, revoked, 0
        return True

    def gone(self, principal: str, token: str | None) -> Close | None:
        """Why a key or ephemeral key works no more; None where it does, or where that is not known now."""
        if self._failed or not self._keys:
            return None
        if token in self._revoked:
            return Close(1008, "client secret revoked")
        found = self._keys.get(principal, "removed")
        return None if found == "ok" else Close(1008, f"key {found}")

    def cut(self, session: Session) -> Cut | None:
        """Why the session has to end; None while it may go on."""
        if self._failed:
            blind = self._failed >= _BLIND and self.tap.rules.on_error == "block"
            return Cut(UNREADABLE) if blind else None
        gone = self.gone(session.principal, session.token)
        return not_allowed(session) if gone is None else Cut(gone, "revocation")
