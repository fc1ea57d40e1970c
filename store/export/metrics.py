"""Turns as OpenTelemetry metrics: which instruments there are, in one table, and what they add up to since a moment.

Nothing that was said, no key, no session and nothing that a policy matched is in them; the number of series is bounded.
Source of the encoding: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding, of the names as in `store.export.semconv`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from datetime import datetime
from typing import Final
from typing import Literal

import msgspec

from store.export.instruments import BY
from store.export.instruments import INSTRUMENTS
from store.export.instruments import POLICY
from store.export.instruments import Instrument
from store.export.instruments import Labels
from store.export.otlp import SCOPE
from store.export.otlp import attribute
from store.export.otlp import described
from store.export.semconv import OPERATION
from store.export.semconv import SCHEMA
from store.export.semconv import Semconv
from store.lines import Row

PATH: Final = "/v1/metrics"
"""Below the collector's base URL."""
MOST_SERIES: Final = 2_000
"""More are added up in one, as OpenTelemetry's own SDKs do."""
_OVERFLOW: Final[Labels] = (("otel.metric.overflow", True),)
_CUMULATIVE: Final = 2

_encode = msgspec.json.Encoder().encode


@dataclass(slots=True)
class _Series:
    """What was measured with the same labels."""

    count: int = 0
    sum: float = 0.0
    least: float = 0.0
    most: float = 0.0
    buckets: list[int] = field(default_factory=list)

    def add(self, value: float, bounds: Sequence[float]) -> None:
        self.buckets = self.buckets or [0] * (len(bounds) + 1)
        self.buckets[bisect_left(bounds, value)] += 1
        self.least = min(self.least, value) if self.count else value
        self.most = max(self.most, value) if self.count else value
        self.count += 1
        self.sum += value


class Metrics:
    """What was measured since `began`. `instance` tells this proxy from others that deliver to the same collector."""

    def __init__(self, semconv: Semconv, began: datetime, instance: str) -> None:
        self._semconv: Semconv = semconv
        self._began = began
        self._instance = instance
        self._series: dict[tuple[str, Labels], _Series] = {}

    @property
    def points(self) -> int:
        """How many series there are."""
        return len(self._series)

    def turn(self, session: Row, turn: Row) -> None:
        """A turn is over."""
        named = ((by.name(self._semconv), by.take(session, turn)) for by in BY)
        common: Labels = (
            ("gen_ai.operation.name", OPERATION[self._semconv]),
            *((name, value) for name, value in named if name is not None and value is not None),
        )
        for instrument in self._instruments():
            for more, value in instrument.take(session, turn):
                self._add(instrument, (*common, *more), value)

    def finding(self, finding: Row) -> None:
        """A policy acted, or would have."""
        if finding.get("kind") == "policy":
            for labels, value in POLICY.take({}, finding):
                self._add(POLICY, labels, value)

    def body(self, now: datetime, service: str = "voicetap") -> bytes:
        """The body of a request that delivers all of it."""
        metrics = [self._metric(instrument, now) for instrument in (*self._instruments(), POLICY) if any(self._of(instrument))]
        resource = described(self._semconv, service)
        resource["attributes"].append(attribute("service.instance.id", self._instance))
        scope: Row = {"scope": SCOPE, "metrics": metrics}
        if SCHEMA[self._semconv]:
            scope["schemaUrl"] = SCHEMA[self._semconv]
        return _encode({"resourceMetrics": [{"resource": resource, "scopeMetrics": [scope]}]})

    def _instruments(self) -> Iterable[Instrument]:
        return (instrument for instrument in INSTRUMENTS if instrument.exists(self._semconv))

    def _of(self, instrument: Instrument) -> Iterator[tuple[Labels, _Series]]:
        return ((labels, series) for (name, labels), series in self._series.items() if name == instrument.name)

    def _add(self, instrument: Instrument, labels: Labels, value: float) -> None:
        key = instrument.name, labels
        if key not in self._series and len(self._series) >= MOST_SERIES:
            key = instrument.name, _OVERFLOW
        self._series.setdefault(key, _Series()).add(value, instrument.bounds)

    def _metric(self, instrument: Instrument, now: datetime) -> Row:
        times = {"startTimeUnixNano": _nanoseconds(self._began), "timeUnixNano": _nanoseconds(now)}
        shape: Literal["histogram", "sum"] = "histogram" if instrument.bounds else "sum"
        points = [
            {**times, "attributes": [attribute(*label) for label in labels], **_point(instrument, series)}
            for labels, series in self._of(instrument)
        ]
        made: Row = {"dataPoints": points, "aggregationTemporality": _CUMULATIVE}
        if shape == "sum":
            made["isMonotonic"] = True
        return {"name": instrument.name, "unit": instrument.unit, "description": instrument.of, shape: made}


def _point(instrument: Instrument, series: _Series) -> Row:
    if not instrument.bounds:
        return {"asInt": str(round(series.sum))} if instrument.whole else {"asDouble": series.sum}
    return {
        "count": str(series.count),
        "sum": series.sum,
        "min": series.least,
        "max": series.most,
        "bucketCounts": [str(count) for count in series.buckets],
        "explicitBounds": list(instrument.bounds),
    }


def _nanoseconds(moment: datetime) -> str:
    return str(round(moment.timestamp() * 1_000_000) * 1_000)
