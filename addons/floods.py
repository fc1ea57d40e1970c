"""Refusals of all doors, told one by one as long as they are few. A flood of them fills no disk: it is counted, and the count is said.

`BURST` refusals are recorded at once, then one every `EVERY` seconds. How many were left out, and why they were refused, is
recorded at most once in `TELL` seconds, and when the proxy stops.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from dataclasses import dataclass
from typing import Final

from addons.findings import Findings
from store.export.native import Kind

logger = logging.getLogger(__name__)

BURST: Final = 30
EVERY: Final = 12.0
TELL: Final = 60.0


@dataclass(frozen=True, slots=True)
class Refused:
    """A request that was refused at a door: what it was told, and where it came from. A refusal on an open socket has no status."""

    door: str
    status: int | None
    code: str | None
    reason: str | None
    path: str
    address: str | None
    origin: str | None
    agent: str | None
    principal: str | None = None
    model: str | None = None

    def detail(self) -> dict[str, str | int | None]:
        """What of it has no field of its own in a finding."""
        names = ("status", "code", "reason", "door", "path", "address", "origin", "agent")
        return {name: getattr(self, name) for name in names}


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


class RefusalLog:
    """Records refusals as findings. Used on the event loop."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._allowance = Allowance(BURST, EVERY)
        self._left_out: Counter[str] = Counter()
        self._since = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def note(self, refused: Refused) -> None:
        """A request was refused."""
        now = time.monotonic()
        if not self._allowance.take(now):
            self._leave_out(str(refused.code), now)
            return
        logger.warning("refused %s: %s", refused.path[:200], refused.reason)
        kind: Kind = "limit" if refused.status == 429 else "refusal"
        self._findings.record(None, kind, "refuse", principal=refused.principal, model=refused.model, detail=refused.detail())

    def stop(self) -> None:
        """Say what was not said yet."""
        if self._timer is not None:
            self._timer.cancel()
            self._tell()

    def _leave_out(self, code: str, now: float) -> None:
        self._left_out[code] += 1
        if self._timer is None:
            self._since = now
            self._timer = asyncio.get_running_loop().call_later(TELL, self._tell)

    def _tell(self) -> None:
        count, codes = self._left_out.total(), ", ".join(f"{code} {number}" for code, number in self._left_out.most_common())
        seconds = round(time.monotonic() - self._since, 1)
        self._timer = None
        self._left_out.clear()
        logger.warning("%d more requests were refused in %g s: %s", count, seconds, codes)
        reason = f"{count} more requests were refused: {codes}"
        self._findings.record(None, "refusal", "count", detail={"code": "flood", "reason": reason, "count": count, "seconds": seconds})
