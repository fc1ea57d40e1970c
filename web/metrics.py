"""The metrics page: the numbers of the proxy and its media workers for Prometheus. Nothing in it names a person, a key or a session."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from typing import Final
from typing import Literal

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.core import Metric as Family
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response

from addons.figures import Snapshot

Samples = Iterable[tuple[tuple[str, ...], float]]
"""Values of the labels, and the number."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: counters are named with their `_total`."""

    name: str
    kind: Literal["gauge", "counter"]
    help: str
    labels: tuple[str, ...]
    read: Callable[[Snapshot], Samples]


class Metrics(Collector):
    """Answers `GET /metrics`; `snapshot` is called for each answer, on the event loop."""

    def __init__(self, snapshot: Callable[[], Snapshot]) -> None:
        self._snapshot = snapshot
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def collect(self) -> Iterator[Family]:
        """Every metric of `METRICS` as it stands."""
        now = self._snapshot()
        for metric in METRICS:
            family = (GaugeMetricFamily if metric.kind == "gauge" else CounterMetricFamily)(metric.name, metric.help, labels=metric.labels)
            for labels, value in metric.read(now):
                family.add_metric(labels, value)
            yield family

    def describe(self) -> list[Family]:
        """Nothing: what is collected says it."""
        return []

    async def page(self, request: Request) -> Response:
        """Prometheus text, or OpenMetrics where the asker prefers it."""
        encode, kind = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(self._registry), headers={"content-type": kind})


def _one(value: float) -> Samples:
    return [((), value)]


def _of_workers(read: Callable[[Mapping[str, Any]], Samples]) -> Callable[[Snapshot], Samples]:
    """The samples of each worker, with its number as the first label."""

    def samples(now: Snapshot) -> Samples:
        return [((str(worker["worker"]), *labels), value) for worker in now.workers for labels, value in read(worker)]

    return samples


def _of_figures(read: Callable[[Mapping[str, Any]], Samples]) -> Callable[[Snapshot], Samples]:
    """The same from what a worker tells of itself; nothing of one that is not up."""
    return _of_workers(lambda worker: read(worker["metrics"]) if worker["metrics"] else [])


def _named(values: Mapping[str, float]) -> Samples:
    return [((name,), value) for name, value in values.items()]


def _setups(kind: str) -> Callable[[Mapping[str, Any]], Samples]:
    def samples(figures: Mapping[str, Any]) -> Samples:
        return [((*step.split("_"),), seen[kind]) for step, seen in figures["setup_seconds"].items()]

    return samples


METRICS: Final = (
    Metric("voicetap_sessions_active", "gauge", "Open sessions.", ("transport",), lambda now: _named(now.active)),
    Metric("voicetap_sessions_opening", "gauge", "Sessions whose provider is being dialled.", (), lambda now: _one(now.opening)),
    Metric(
        "voicetap_sessions_total",
        "counter",
        "Sessions that are over.",
        ("provider", "side", "end_reason"),
        lambda now: [(tuple(end), count) for end, count in now.ended_total.items()],
    ),
    Metric("voicetap_held_answers_total", "counter", "Answers whose sound waited for its words.", (), lambda now: _one(now.held.answers)),
    Metric(
        "voicetap_held_seconds_total",
        "counter",
        "How long the first sound of answers waited.",
        (),
        lambda now: _one(now.held.first_total),
    ),
    Metric("voicetap_held_longest_seconds", "gauge", "The longest that any sound waited.", (), lambda now: _one(now.held.longest)),
    Metric("voicetap_held_dropped_total", "counter", "Messages with sound that did not cross.", (), lambda now: _one(now.held.dropped)),
    Metric("voicetap_rules_generation", "gauge", "How often the rules were taken over.", (), lambda now: _one(now.generation)),
    Metric("voicetap_log_failing", "gauge", "1 while the log cannot be written.", (), lambda now: _one(now.log_failing)),
    Metric("voicetap_log_queue_depth", "gauge", "Lines that wait to be written.", (), lambda now: _one(now.log_waiting)),
    Metric("voicetap_log_errors_total", "counter", "Failed writes of the log.", (), lambda now: _one(now.log_errors_total)),
    Metric("voicetap_log_dropped_total", "counter", "Lines of the log that are lost.", (), lambda now: _one(now.log_dropped_total)),
    Metric(
        "voicetap_otel_spans_total",
        "counter",
        "Spans for the collector, by what became of them.",
        ("outcome",),
        lambda now: _named(now.spans),
    ),
    Metric("voicetap_otel_queue_depth", "gauge", "Spans that wait for the collector.", (), lambda now: _one(now.spans_waiting)),
    Metric(
        "voicetap_sidecar_worker_up",
        "gauge",
        "1 while a media worker takes calls.",
        ("worker",),
        _of_workers(lambda worker: _one(worker["state"] == "serving")),
    ),
    Metric(
        "voicetap_sidecar_restarts_total",
        "counter",
        "Media workers that ended unasked.",
        ("worker",),
        _of_workers(lambda worker: _one(worker["restarts"])),
    ),
    Metric(
        "voicetap_sidecar_calls", "gauge", "Calls by state.", ("worker", "state"), _of_figures(lambda figures: _named(figures["calls"]))
    ),
    Metric(
        "voicetap_sidecar_calls_offered_total",
        "counter",
        "Offers that a media worker took.",
        ("worker",),
        _of_figures(lambda figures: _one(figures["calls_offered"])),
    ),
    Metric(
        "voicetap_sidecar_calls_ended_total",
        "counter",
        "Calls that are over.",
        ("worker", "end_reason"),
        _of_figures(lambda figures: _named(figures["calls_ended"])),
    ),
    Metric(
        "voicetap_sidecar_rtp_packets_total",
        "counter",
        "RTP packets passed on.",
        ("worker", "side"),
        _of_figures(lambda figures: [((side,), seen["packets"]) for side, seen in figures["rtp"].items()]),
    ),
    Metric(
        "voicetap_sidecar_rtp_bytes_total",
        "counter",
        "Bytes of RTP passed on.",
        ("worker", "side"),
        _of_figures(lambda figures: [((side,), seen["bytes"]) for side, seen in figures["rtp"].items()]),
    ),
    Metric(
        "voicetap_sidecar_dropped_packets_total",
        "counter",
        "Packets not passed on.",
        ("worker", "cause"),
        _of_figures(lambda figures: _named(figures["dropped"])),
    ),
    Metric(
        "voicetap_sidecar_events_total",
        "counter",
        "Data channel messages handed to the proxy.",
        ("worker", "side"),
        _of_figures(lambda figures: [((side,), seen["messages"]) for side, seen in figures["events"].items()]),
    ),
    Metric(
        "voicetap_sidecar_refused_channels_total",
        "counter",
        "Second data channels.",
        ("worker",),
        _of_figures(lambda figures: _one(figures["refused_channels"])),
    ),
    Metric(
        "voicetap_sidecar_setup_seconds_total",
        "counter",
        "Time to set legs up, summed over calls that are over.",
        ("worker", "leg", "step"),
        _of_figures(_setups("sum")),
    ),
    Metric(
        "voicetap_sidecar_setups_total",
        "counter",
        "Legs that reached a step, of calls that are over.",
        ("worker", "leg", "step"),
        _of_figures(_setups("count")),
    ),
    Metric(
        "voicetap_sidecar_loop_lag_seconds",
        "gauge",
        "How late the event loop was in the last second.",
        ("worker", "quantile"),
        _of_figures(lambda figures: [((f"{int(name[1:]) / 100:g}",), late) for name, late in figures["loop_lag_seconds"].items()]),
    ),
    Metric(
        "voicetap_sidecar_tasks",
        "gauge",
        "Tasks of a media worker.",
        ("worker",),
        _of_figures(lambda figures: _one(figures["tasks"])),
    ),
    Metric(
        "voicetap_sidecar_resident_memory_bytes",
        "gauge",
        "Memory of a media worker.",
        ("worker",),
        _of_figures(lambda figures: _one(figures["rss_bytes"])),
    ),
    Metric(
        "voicetap_sidecar_cpu_seconds_total",
        "counter",
        "CPU time of a media worker.",
        ("worker",),
        _of_figures(lambda figures: _one(figures["cpu_seconds"])),
    ),
)
"""Every metric there is; docs/metrics.md says what each means."""
