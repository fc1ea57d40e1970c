"""Requests that were refused at the doors, as findings. A flood of them fills no disk: it is counted, and the count is said.

`BURST` refusals are recorded at once, then one every `EVERY` seconds. How many were left out, and why they were refused, is
recorded at most once in `TELL` seconds, and when the proxy stops.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import Counter
from typing import Any
from typing import Final

from mitmproxy import http

from addons.access import CALLER
from addons.access import SHOWN
from addons.access import Caller
from addons.relay import REFUSED
from addons.tap import Tap
from addons.tap import door_of
from providers.credentials import credentials_of
from providers.paths import asked
from realtime.secrecy import Secret

logger = logging.getLogger(__name__)

STATUSES: Final = frozenset({401, 403, 421, 429})
LATE: Final = "voicetap.refused_late"
"""Key of `flow.metadata`: set where a request is refused although the provider has answered it."""

BURST: Final = 30
EVERY: Final = 12.0
TELL: Final = 60.0


class Allowance:
    """How many of a flood are recorded: so many at once, then one in so many seconds."""

    def __init__(self, burst: int, every: float) -> None:
        self._burst = burst
        self._every = every
        self._left = float(burst)
        self._at = 0.0

    def take(self, now: float) -> bool:
        """Whether there is one left at this time, which is used up then."""
        self._left = min(self._burst, self._left + (now - self._at) / self._every)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class Refusals:
    """Stands behind all that may refuse a request."""

    def __init__(self, tap: Tap) -> None:
        self.tap = tap
        self._allowance = Allowance(BURST, EVERY)
        self._left_out: Counter[str] = Counter()
        self._since = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def request(self, flow: http.HTTPFlow) -> None:
        """What has an answer before it went anywhere was answered here."""
        ours = door_of(flow) == "gateway" or CALLER in flow.metadata
        if ours and flow.response is not None and (flow.response.status_code in STATUSES or REFUSED in flow.metadata):
            self._refused(flow)

    def response(self, flow: http.HTTPFlow) -> None:
        if flow.metadata.get(LATE) and flow.response is not None and flow.response.status_code in STATUSES:
            self._refused(flow)

    def done(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._tell()

    def _refused(self, flow: http.HTTPFlow) -> None:
        now, told = time.monotonic(), _told(flow)
        if not self._allowance.take(now):
            self._leave_out(str(told.get("code")), now)
            return
        caller: Caller | None = flow.metadata.get(CALLER)
        logger.warning("refused %s: %s", flow.request.path.partition("?")[0][:200], told.get("message"))
        self.tap.findings.record(
            None,
            "limit" if told["status"] == 429 else "refusal",
            "refuse",
            principal=caller.principal if caller is not None else flow.metadata.get(SHOWN),
            model=_safe(flow, asked(tuple(flow.request.query.items(multi=True)))[0]),
            detail=_detail(flow, told),
        )

    def _leave_out(self, code: str, now: float) -> None:
        self._left_out[code] += 1
        if self._timer is None:
            self._since = now
            self._timer = asyncio.get_running_loop().call_later(TELL, self._tell)

    def _tell(self) -> None:
        """Say how many were not recorded one by one."""
        count, codes = self._left_out.total(), ", ".join(f"{code} {number}" for code, number in self._left_out.most_common())
        seconds = round(time.monotonic() - self._since, 1)
        self._timer = None
        self._left_out.clear()
        logger.warning("%d more requests were refused in %g s: %s", count, seconds, codes)
        reason = f"{count} more requests were refused: {codes}"
        self.tap.findings.record(None, "refusal", "count", detail={"code": "flood", "reason": reason, "count": count, "seconds": seconds})


def _told(flow: http.HTTPFlow) -> dict[str, Any]:
    """`status`, `code` and `message` of what the client was told; on an open socket there is no status."""
    assert flow.response is not None
    open_socket = REFUSED in flow.metadata
    text = flow.metadata[REFUSED][0] if open_socket else flow.response.content or b""
    status = None if open_socket else flow.response.status_code
    try:
        error = json.loads(text)["error"]
        return {"status": status, "code": error["code"], "message": error["message"]}
    except (ValueError, LookupError, TypeError):
        return {"status": status, "code": None, "message": "refused by a script"}


def _detail(flow: http.HTTPFlow, told: dict[str, Any]) -> dict[str, str | int | None]:
    """Where a refused request came from, what it asked for and what it was told."""
    peer, headers = flow.client_conn.peername, flow.request.headers
    return {
        "status": told["status"],
        "code": told["code"],
        "reason": _safe(flow, told["message"]),
        "path": _safe(flow, flow.request.path.partition("?")[0]),
        "address": peer[0] if peer else None,
        "origin": _safe(flow, headers.get("origin")),
        "agent": _safe(flow, headers.get("user-agent")),
    }


def _safe(flow: http.HTTPFlow, text: str | None) -> str | None:
    """A text of the request without the credential that came with it."""
    query = tuple(flow.request.query.items(multi=True))
    shown = credentials_of(flow.request.headers.items(multi=True), query).value
    return Secret(shown.encode(errors="surrogateescape")).blanked_text(text) if text and shown else text
