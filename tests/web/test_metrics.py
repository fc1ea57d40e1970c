"""The metrics page: what Prometheus reads, and that the documentation names the same."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette
from starlette.routing import Route

from addons.figures import REASONS
from addons.figures import TRANSPORTS
from addons.figures import End
from addons.figures import Snapshot
from realtime.gates.delays import Delays
from web.metrics import METRICS
from web.metrics import Metrics

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
ROW = re.compile(r"\| `(voicetap_\w+)` \| (\w+) \| ([^|]+) \| (.+) \|")

FIGURES: dict[str, Any] = {
    "calls": {"connected": 2, "closing": 1},
    "loop_lag_seconds": {"p50": 0.001, "p99": 0.004},
    "calls_offered": 7,
    "calls_ended": {"client_graceful": 3, "upstream_lost": 1},
    "rtp": {"client": {"packets": 100, "bytes": 8200}, "upstream": {"packets": 90, "bytes": 7000}},
    "dropped": {"early": 4, "srtp": 0},
    "events": {"client": {"messages": 5, "bytes": 500, "dropped": 0}, "upstream": {"messages": 50, "bytes": 5000, "dropped": 0}},
    "refused_channels": 1,
    "setup_seconds": {"client_ice": {"sum": 0.5, "count": 4}},
    "tasks": 11,
    "rss_bytes": 100_000_000,
    "cpu_seconds": 12.5,
}


def worker(number: int, state: str = "serving", metrics: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return {"worker": number, "state": state, "pid": 1, "restarts": number, "calls": 0, "failure": None, "metrics": metrics}


def snapshot() -> Snapshot:
    return Snapshot(
        active={"websocket": 3, "webrtc": 1},
        opening=2,
        ended_total={End("openai", "client", "closed"): 9, End('we"ird\\', "proxy", "policy"): 1},
        held=Delays(answers=3, first_total=1.5, first_longest=0.7, longest=0.9, dropped=8),
        generation=4,
        log_failing=True,
        log_waiting=12,
        log_errors_total=6,
        log_dropped_total=5,
        spans={"sent": 70, "dropped": 0, "failed": 3},
        spans_waiting=9,
        workers=[worker(0, metrics=FIGURES), worker(1, "waiting")],
    )


async def scraped(accept: str = "") -> httpx.Response:
    app = Starlette(routes=[Route("/metrics", Metrics(snapshot).page)])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://proxy") as client:
        return await client.get("/metrics", headers={"accept": accept})


async def samples() -> dict[tuple[str, frozenset[str]], float]:
    """By name and values of the labels."""
    found = await scraped()
    assert found.status_code == 200
    assert found.headers["content-type"].startswith("text/plain; version=")
    families = text_string_to_metric_families(found.text)
    return {(sample.name, frozenset(sample.labels.values())): sample.value for family in families for sample in family.samples}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (("voicetap_sessions_active", "websocket"), 3),
        (("voicetap_otel_spans_total", "failed"), 3),
        (("voicetap_otel_queue_depth",), 9),
        (("voicetap_sessions_active", "webrtc"), 1),
        (("voicetap_sessions_opening",), 2),
        (("voicetap_sessions_total", "openai", "client", "closed"), 9),
        (("voicetap_sessions_total", 'we"ird\\', "proxy", "policy"), 1),
        (("voicetap_held_answers_total",), 3),
        (("voicetap_held_seconds_total",), 1.5),
        (("voicetap_held_longest_seconds",), 0.9),
        (("voicetap_held_dropped_total",), 8),
        (("voicetap_rules_generation",), 4),
        (("voicetap_log_failing",), 1),
        (("voicetap_log_queue_depth",), 12),
        (("voicetap_log_errors_total",), 6),
        (("voicetap_log_dropped_total",), 5),
        (("voicetap_sidecar_worker_up", "0"), 1),
        (("voicetap_sidecar_worker_up", "1"), 0),
        (("voicetap_sidecar_restarts_total", "1"), 1),
        (("voicetap_sidecar_calls", "0", "connected"), 2),
        (("voicetap_sidecar_calls_offered_total", "0"), 7),
        (("voicetap_sidecar_calls_ended_total", "0", "upstream_lost"), 1),
        (("voicetap_sidecar_rtp_packets_total", "0", "client"), 100),
        (("voicetap_sidecar_rtp_bytes_total", "0", "upstream"), 7000),
        (("voicetap_sidecar_dropped_packets_total", "0", "early"), 4),
        (("voicetap_sidecar_events_total", "0", "upstream"), 50),
        (("voicetap_sidecar_refused_channels_total", "0"), 1),
        (("voicetap_sidecar_setup_seconds_total", "0", "client", "ice"), 0.5),
        (("voicetap_sidecar_setups_total", "0", "client", "ice"), 4),
        (("voicetap_sidecar_loop_lag_seconds", "0", "0.99"), 0.004),
        (("voicetap_sidecar_tasks", "0"), 11),
        (("voicetap_sidecar_resident_memory_bytes", "0"), 1e8),
        (("voicetap_sidecar_cpu_seconds_total", "0"), 12.5),
    ],
)
async def test_a_number_of_the_page(name: tuple[str, ...], value: float) -> None:
    assert (await samples())[name[0], frozenset(name[1:])] == value


async def test_every_metric_is_on_the_page_and_nothing_else() -> None:
    found = await samples()
    assert {name for name, _ in found} == {metric.name for metric in METRICS}
    of_the_lost = {name for name, labels in found if "1" in labels}
    assert of_the_lost == {"voicetap_sidecar_worker_up", "voicetap_sidecar_restarts_total"}, "a worker that is down has no figures"


async def test_open_metrics_for_those_who_prefer_it() -> None:
    found = await scraped("application/openmetrics-text; version=1.0.0")
    assert found.headers["content-type"].startswith("application/openmetrics-text")
    assert found.text.endswith("# EOF\n")


def test_the_documentation_names_every_metric_with_its_labels() -> None:
    rows = {name: (kind, tuple(re.findall(r"`(\w+)`", labels))) for name, kind, labels, _ in ROW.findall(PAGE.read_text())}
    assert rows == {metric.name: (metric.kind, metric.labels) for metric in METRICS}
    assert list(rows) == [metric.name for metric in METRICS], "in the same order"


def test_the_documentation_names_every_reason_of_an_end() -> None:
    row = next(text for name, _, _, text in ROW.findall(PAGE.read_text()) if name == "voicetap_sessions_total")
    assert {*REASONS.values(), "other", "refused"} <= set(re.findall(r"`(\w+)`", row))
    assert all(f"`{transport}`" in PAGE.read_text() for transport in TRANSPORTS)


def test_counters_are_named_as_such() -> None:
    assert {metric.name.endswith("_total") for metric in METRICS if metric.kind == "counter"} == {True}
    assert {metric.name.endswith("_total") for metric in METRICS if metric.kind == "gauge"} == {False}
