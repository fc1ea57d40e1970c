"""Figures of turns for the collector, where `otel.metrics` asks for them: delivered every minute and at the end.

They only grow while the proxy runs, so what one delivery lacks is in the next.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from secrets import token_hex
from typing import Final

from rules.otel import Otel
from store.clock import utc_now
from store.export.collector import Collector
from store.export.metrics import PATH
from store.export.metrics import Metrics
from store.export.semconv import Semconv
from store.lines import Row

logger = logging.getLogger(__name__)

SECONDS: Final = 60.0
"""Between two deliveries, as OpenTelemetry's own SDKs do."""


class Metering:
    """`turn` and `finding` are told what happened; `deliver` is called often, and does so when it is time."""

    def __init__(self, *, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._instance = token_hex(16)
        self._metrics: tuple[Otel, Metrics] | None = None
        self._due = 0.0
        self._complained = ""

    def turn(self, otel: Otel, semconv: Semconv, session: Row, record: Row) -> None:
        """A turn is over."""
        if (metrics := self._for(otel, semconv)) is not None:
            metrics.turn(session, record)

    def finding(self, otel: Otel, semconv: Semconv, finding: Row) -> None:
        """Something was found."""
        if (metrics := self._for(otel, semconv)) is not None:
            metrics.finding(finding)

    def waits(self, otel: Otel, *, last: bool = False) -> bool:
        """Whether there is something to deliver now."""
        kept = self._metrics
        return kept is not None and kept[0] == otel and kept[1].points > 0 and (last or self._now() >= self._due)

    async def deliver(self, collector: Collector) -> None:
        """Deliver what was measured, with one try."""
        assert self._metrics is not None
        self._due = self._now() + SECONDS
        metrics = self._metrics[1]
        done = await collector.deliver(metrics.body(utc_now()), metrics.points, path=PATH, tries=1)
        if done.rejected:
            self.failed(done.why)
        else:
            self._complained = ""

    def failed(self, why: str) -> None:
        """They were not taken. Told when the reason is a new one."""
        self._due = self._now() + SECONDS
        if why != self._complained:
            self._complained = why
            logger.warning("otel: metrics were not taken, and are delivered again: %s", why)

    def _for(self, otel: Otel, semconv: Semconv) -> Metrics | None:
        """What is added up for this collector; another one begins with nothing."""
        if not otel.metrics:
            self._metrics = None
        elif self._metrics is None or self._metrics[0] != otel:
            self._metrics = otel, Metrics(semconv, utc_now(), self._instance)
            self._due = self._now() + SECONDS
        return None if self._metrics is None else self._metrics[1]
