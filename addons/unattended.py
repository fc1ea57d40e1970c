"""Calls that go on at the provider while nothing of them comes through here: they are hung up once their key is gone, or by hand."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

from addons.knownkeys import KnownKeys
from addons.registry import Call
from addons.tap import Tap
from realtime.framing import Close
from store.export.native import Action

logger = logging.getLogger(__name__)

BY_HAND: Final = Close(1008, "ended by the operator")


class Unattended:
    """`look` is called whenever the keys were read. `hang_up` ends a call at its provider, and forgets it."""

    def __init__(self, tap: Tap, known: KnownKeys, hang_up: Callable[[Call], None]) -> None:
        self.tap = tap
        self.known = known
        self.hang_up = hang_up

    def look(self) -> None:
        """Hang up every call whose key, or ephemeral key, works no more."""
        for call in self._calls():
            gone = self.known.gone(call.principal, call.session.token if call.session is not None else None)
            if gone is not None:
                self._end(call, "close", gone.reason)

    def kill(self, session: str) -> bool:
        """Hang up the call that began as a session; False where there is none."""
        found = [call for call in self._calls() if _name(call) == session]
        for call in found:
            self._end(call, "kill", BY_HAND.reason)
        return bool(found)

    def kill_key(self, key: str) -> list[str]:
        """Hang up all calls of a key; returns the ids of their sessions, of the call itself where it has none."""
        found = [call for call in self._calls() if call.principal == key]
        for call in found:
            self._end(call, "kill", BY_HAND.reason)
        return [_name(call) for call in found]

    def _calls(self) -> list[Call]:
        now = time.monotonic()
        return [call for call in self.tap.calls if call.until > now and _is_unattended(call)]

    def _end(self, call: Call, action: Action, reason: str) -> None:
        logger.info("call %s is hung up at provider %s: %s", call.id, call.target.provider, reason)
        self.hang_up(call)
        detail = {"reason": f"{reason}: a call that does not come through here is hung up at the provider", "call": call.id}
        model = call.target.model or ""
        self.tap.findings.record(None, "revocation", action, detail=detail, principal=call.principal, model=model)


def _is_unattended(call: Call) -> bool:
    """Whether no session carries the call, and none is about to."""
    return call.link.mode != "relay" and (call.session is None or call.session.ended is not None)


def _name(call: Call) -> str:
    return call.session.id if call.session is not None else call.id
