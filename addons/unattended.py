"""Calls that go on at the provider while nothing of them comes through here: they are hung up once their key is gone."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from addons.knownkeys import KnownKeys
from addons.registry import Call
from addons.tap import Tap

logger = logging.getLogger(__name__)


class Unattended:
    """`look` is called whenever the keys were read. `hang_up` ends a call at its provider, and forgets it."""

    def __init__(self, tap: Tap, known: KnownKeys, hang_up: Callable[[Call], None]) -> None:
        self.tap = tap
        self.known = known
        self.hang_up = hang_up

    def look(self) -> None:
        """Hang up every call whose key, or ephemeral key, works no more."""
        now = time.monotonic()
        for call in [call for call in self.tap.calls if call.until > now and _is_unattended(call)]:
            gone = self.known.gone(call.principal, call.session.token if call.session is not None else None)
            if gone is not None:
                logger.info("call %s is hung up at provider %s: %s", call.id, call.target.provider, gone.reason)
                self.hang_up(call)
                detail = {"reason": f"{gone.reason}: a call that does not come through here is hung up at the provider", "call": call.id}
                model = call.target.model or ""
                self.tap.findings.record(None, "revocation", "close", detail=detail, principal=call.principal, model=model)


def _is_unattended(call: Call) -> bool:
    """Whether no session carries the call, and none is about to."""
    return call.link.mode != "relay" and (call.session is None or call.session.ended is not None)
