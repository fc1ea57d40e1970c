"""Turns as metrics: read with OpenTelemetry's own definitions, what they add up to, and what is never in them."""

from __future__ import annotations

from datetime import UTC
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from exportlog import TALK
from exportlog import finding
from exportlog import opening
from exportlog import turn
from otelreceiver import attributes
from otelreceiver import decoded_metrics
from otelreceiver import metrics_of

from store.export import metrics
from store.export.instruments import INSTRUMENTS
from store.export.instruments import POLICY
from store.export.metrics import Metrics

BEGAN = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
PAGE = (Path(__file__).parents[2] / "docs" / "exports.md").read_text()


def measured(*turns: dict[str, Any], version: Any = "latest", findings: Any = ()) -> Any:
    made = Metrics(version, BEGAN, "here")
    for one in turns:
        made.turn(opening(TALK), one)
    for found in findings:
        made.finding(found)
    return decoded_metrics(made.body(NOW))


def values(metric: Any, label: str) -> dict[Any, float]:
    """Of a counter, by one of its labels."""
    return {attributes(point)[label]: point.as_int for point in metric.sum.data_points}


def test_what_turns_add_up_to() -> None:
    found = metrics_of(measured(turn(TALK, 1), turn(TALK, 2, interrupted=True)))
    [duration] = found["gen_ai.client.operation.duration"].histogram.data_points
    assert (duration.count, duration.sum, duration.min, duration.max) == (2, pytest.approx(1.8), pytest.approx(0.9), pytest.approx(0.9))
    assert duration.explicit_bounds[:3] == pytest.approx([0.01, 0.02, 0.04])
    assert duration.explicit_bounds[-1] == pytest.approx(81.92)
    assert list(duration.bucket_counts) == [0] * 7 + [2] + [0] * 7
    assert (duration.start_time_unix_nano, duration.time_unix_nano) == (BEGAN.timestamp() * 1e9, NOW.timestamp() * 1e9)
    tokens = {attributes(point)["gen_ai.token.type"]: point for point in found["gen_ai.client.token.usage"].histogram.data_points}
    assert {name: point.sum for name, point in tokens.items()} == {"input": 40, "output": 20}
    assert values(found["gen_ai.client.inference.usage.input_tokens"], "gen_ai.token.modality") == {"audio": 30, "unknown": 10}
    assert found["gen_ai.client.operation.time_to_first_chunk"].histogram.data_points[0].sum == pytest.approx(0.78)
    assert found["voicetap.turn.first_audio"].histogram.data_points[0].sum == pytest.approx(0.8246)
    assert found["voicetap.turn.interruptions"].sum.data_points[0].as_int == 1
    assert found["voicetap.cost.usd"].sum.data_points[0].as_double == pytest.approx(0.0025)
    assert all(metric.sum.is_monotonic for metric in found.values() if metric.HasField("sum"))


def test_by_what_they_are_told_apart() -> None:
    failed = turn(TALK, 2, status="failed", error={"kind": "server_error", "code": "boom"}, model="gpt-other")
    points = metrics_of(measured(turn(TALK, 1), failed))["gen_ai.client.operation.duration"].histogram.data_points
    assert [(attributes(point)["gen_ai.response.model"], attributes(point).get("error.type")) for point in points] == [
        ("gpt-realtime", None),
        ("gpt-other", "server_error"),
    ]
    assert attributes(points[0]) == {
        "gen_ai.operation.name": "realtime_inference",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-realtime",
        "gen_ai.response.model": "gpt-realtime",
        "server.address": "api.openai.com",
    }


def test_the_older_names() -> None:
    request = measured(turn(TALK, 1), version="1.36")
    found = metrics_of(request)
    assert found.keys() == {one.name for one in INSTRUMENTS if one.stable} - {"voicetap.turn.interruptions"}
    assert attributes(found["gen_ai.client.operation.duration"].histogram.data_points[0])["gen_ai.system"] == "openai"
    resource = attributes(request.resource_metrics[0].resource)
    assert resource == {"service.name": "voicetap", "voicetap.semconv": "1.36", "service.instance.id": "here"}


def test_hits_of_policies() -> None:
    hits = [finding(number, TALK, turn=1) for number in (1, 2)]
    found = metrics_of(measured(findings=[*hits, {**finding(3, TALK), "kind": "limit"}]))
    [point] = found["voicetap.policy.actions"].sum.data_points
    assert (point.as_int, attributes(point)["voicetap.policy.rule"], attributes(point)["voicetap.policy.action"]) == (2, "cards", "redact")


def test_nothing_that_tells_who_or_what() -> None:
    text = str(measured(turn(TALK, 1), findings=[finding(1, TALK, turn=1)]))
    assert not [word for word in (TALK, "kiosk", "pwned", "get_weather", "resp_1") if word in text]


def test_the_number_of_series_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "MOST_SERIES", 50)
    request = measured(*(turn(TALK, number, model=f"model-{number}") for number in range(200)))
    points = metrics_of(request)["gen_ai.client.operation.duration"].histogram.data_points
    [rest] = [point for point in points if attributes(point) == {"otel.metric.overflow": True}]
    assert sum(point.count for point in points) == 200
    assert rest.count > 150


def test_records_of_little_are_measured_too() -> None:
    bare = {
        "session": "s\ud800",
        "index": 1,
        "status": "interrupted",
        "started_at": "2026-11-21T09:30:00Z",
        "ended_at": None,
        "model": "\ud800",
    }
    assert metrics_of(measured(bare)) == {}


def test_the_table_of_the_documentation() -> None:
    rows = [
        tuple(cell.strip() for cell in line.strip("|").split("|"))
        for line in PAGE.partition("| instrument |")[2].partition("\n\n")[0].splitlines()[2:]
    ]
    assert rows == [(f"`{one.name}`", f"`{one.unit}`", "same" if one.stable else "–", one.of) for one in (*INSTRUMENTS, POLICY)]
