"""Turns as OpenTelemetry spans to the collector that `otel` of the rules names; where it names none nothing is gathered.

A turn waits a moment for what is amended, then its spans queue up; one task delivers them, a batch at a time. What finds no room or cannot
be delivered is lost and counted. Nothing here is awaited by a session.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field
from math import inf
from typing import Final

from addons.metering import Metering
from addons.tap import Tap
from realtime.session import Session
from rules.credentials import Unresolved
from rules.credentials import read_secret
from rules.files import private_reader
from rules.otel import Otel
from store.export.collector import FIRST_PAUSE
from store.export.collector import TRIES
from store.export.collector import Collector
from store.export.collector import Delivered
from store.export.otlp import request
from store.export.otlp import spans
from store.export.semconv import Semconv
from store.export.semconv import in_force
from store.lines import Row

logger = logging.getLogger(__name__)

SETTLE_SECONDS: Final = 5.0
"""How long a turn waits for its transcript, tool results and late usage; at the end of its session it does not."""
MOST_WAITING: Final = 4_096
"""Spans that wait for the collector, and turns that wait to settle."""
BATCH: Final = 64
POLL_SECONDS: Final = 0.5
DRAIN_SECONDS: Final = 5.0
_FINDINGS: Final = 64
"""Findings of a turn that go along."""


@dataclass(slots=True)
class Counts:
    """Spans since the start."""

    sent: int = 0
    dropped: int = 0
    """Because too many waited."""
    failed: int = 0
    """Because the collector could not be reached or did not want them."""


@dataclass(slots=True)
class _Turn:
    """A turn that is open or settles. `due` is monotonic."""

    session: Session
    due: float = inf
    record: Row | None = None
    findings: list[Row] = field(default_factory=list)


class Telemetry:
    """Gathers turns and findings, and delivers them while the proxy runs."""

    def __init__(self, tap: Tap, *, now: Callable[[], float] = time.monotonic, first_pause: float = FIRST_PAUSE) -> None:
        self.tap = tap
        self.counts = Counts()
        self.metering = Metering(now=now)
        self._now = now
        self._first_pause = first_pause
        self._turns: dict[tuple[str, int], _Turn] = {}
        self._sent: dict[str, set[int]] = {}
        """Turns of open sessions whose spans were made."""
        self._queue: deque[Row] = deque()
        self._collector: tuple[Otel, Collector] | None = None
        self._task: asyncio.Task[None] | None = None
        self._complained = ""
        tap.turned.append(self._turned)
        tap.findings.told.append(self._found)
        tap.over.append(self._over)

    @property
    def waiting(self) -> int:
        """Spans that wait to be delivered."""
        return len(self._queue)

    def running(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._watch(), name="telemetry")

    async def drain(self) -> None:
        """Deliver what there is, as far as the collector takes it without delay."""
        self.done()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)
        self._settle(inf)
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                while self._queue and (otel := self.tap.rules.otel) is not None:
                    await self._deliver(otel, tries=1)
                await self._measure(last=True)
        except TimeoutError:
            pass
        if self._queue:
            logger.warning("otel: %d span(s) were not delivered", len(self._queue))
        if self._collector is not None:
            await self._collector[1].close()

    def done(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _turned(self, session: Session, record: Row) -> None:
        if self.tap.rules.otel is None or record.get("ended_at") is None:
            return
        turn = self._turn(session, record["index"])
        if turn is not None:
            turn.due = self._now() + SETTLE_SECONDS if turn.record is None else turn.due
            turn.record = record

    def _found(self, session: Session, finding: Row) -> None:
        if (otel := self.tap.rules.otel) is None:
            return
        self.metering.finding(otel, self._semconv(otel), finding)
        if finding.get("turn") is None:
            return
        turn = self._turn(session, finding["turn"])
        if turn is not None and len(turn.findings) < _FINDINGS:
            turn.findings.append(finding)

    def _turn(self, session: Session, index: int) -> _Turn | None:
        """What is known of a turn; None of one that was sent, and where too many wait."""
        key = session.id, index
        if index in self._sent.get(session.id, ()):
            return None
        if key not in self._turns:
            if len(self._turns) >= MOST_WAITING:
                self.counts.dropped += 1
                return None
            self._turns[key] = _Turn(session)
        return self._turns[key]

    def _over(self, session: Session) -> None:
        for key, turn in self._turns.items():
            if key[0] == session.id:
                turn.due = 0.0
        self._sent.pop(session.id, None)

    def _settle(self, now: float) -> None:
        """Make spans of turns that are due; of one without a record nothing more comes."""
        otel = self.tap.rules.otel
        for key in [key for key, turn in self._turns.items() if turn.due <= now]:
            turn = self._turns.pop(key)
            if turn.due:
                self._sent.setdefault(key[0], set()).add(key[1])
            if otel is not None and turn.record is not None:
                facts, semconv = _facts(turn.session), self._semconv(otel)
                self._put(spans(facts, turn.record, turn.findings, semconv=semconv, content=otel.content))
                self.metering.turn(otel, semconv, facts, turn.record)

    def _put(self, made: list[Row]) -> None:
        room = MOST_WAITING - len(self._queue)
        self._queue.extend(made[:room])
        self.counts.dropped += len(made[room:])

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(POLL_SECONDS)
            try:
                self._settle(self._now())
                while self._queue and (otel := self.tap.rules.otel) is not None:
                    await self._deliver(otel)
                    self._settle(self._now())
                self.counts.dropped += len(self._queue)
                self._queue.clear()
                await self._measure()
            except Exception:
                logger.exception("otel: spans could not be delivered")

    async def _deliver(self, otel: Otel, *, tries: int = TRIES) -> None:
        """Deliver one batch, or lose it."""
        batch = [self._queue.popleft() for _ in range(min(BATCH, len(self._queue)))]
        try:
            collector = await self._reached(otel)
            done = await collector.deliver(request(batch, self._semconv(otel)), len(batch), tries=tries)
        except Unresolved as error:
            done = Delivered(len(batch), str(error))
        except asyncio.CancelledError:
            self._queue.extendleft(reversed(batch))
            raise
        self.counts.sent += len(batch) - done.rejected
        if done.rejected:
            self._lost(done.rejected, done.why)
        else:
            self._complained = ""

    async def _measure(self, *, last: bool = False) -> None:
        """Deliver the metrics, when it is time."""
        otel = self.tap.rules.otel
        if otel is None or not self.metering.waits(otel, last=last):
            return
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                await self.metering.deliver(await self._reached(otel))
        except (TimeoutError, Unresolved) as error:
            self.metering.failed(str(error) or f"no answer in {DRAIN_SECONDS:g} s")

    def _semconv(self, otel: Otel) -> Semconv:
        return in_force(otel.semconv, self.tap.environment)

    async def _reached(self, otel: Otel) -> Collector:
        """The collector that the rules name now. Raises Unresolved."""
        if self._collector is None or self._collector[0] != otel:
            if self._collector is not None:
                await self._collector[1].close()
            reader = private_reader(self.tap.settings.rules.parent)
            headers = {name: read_secret(reference, self.tap.environment, reader) for name, reference in otel.headers.items()}
            self._collector = otel, Collector(otel.endpoint, headers, first_pause=self._first_pause)
        return self._collector[1]

    def _lost(self, count: int, why: str) -> None:
        """Counted each time, told when the reason is a new one."""
        self.counts.failed += count
        if why != self._complained:
            self._complained = why
            logger.warning("otel: %d span(s) are lost, and so are others until it works again: %s", count, why)


def _facts(session: Session) -> Row:
    """What a span tells of its session."""
    return {name: getattr(session, name) for name in _FACTS}


_FACTS: Final = (
    *("id", "kind", "principal", "route", "transport", "grouping", "traceparent", "upstream_host"),
    *("model", "provider_model", "provider_session"),
)
