"""Turns as spans: read with OpenTelemetry's own definitions, named as the version says, without what was said unless asked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from exportlog import HOSTILE
from exportlog import TALK
from exportlog import finding
from exportlog import opening
from exportlog import turn
from otelreceiver import attributes
from otelreceiver import decoded
from otelreceiver import spans_of

from store.export import semconv
from store.export.otlp import request
from store.export.otlp import spans
from store.export.semconv import ATTRIBUTES
from store.export.semconv import CONTENT
from store.export.semconv import FINDING
from store.export.semconv import SCHEMA
from store.export.semconv import TOOL
from store.export.semconv import TOOL_CONTENT

PAGE = (Path(__file__).parents[2] / "docs" / "exports.md").read_text()


def made(*, session: dict[str, Any] | None = None, findings: Any = (), version: Any = "latest", content: bool = False, **more: Any) -> Any:
    found = spans(session or opening(TALK), turn(TALK, 1, **more), findings, semconv=version, content=content)
    return decoded(request(found, version))


def test_a_turn_and_its_tool() -> None:
    answer, tool = spans_of(made())
    assert (answer.name, answer.kind, answer.parent_span_id) == ("realtime_inference gpt-realtime", 3, b"")
    assert (tool.name, tool.kind, tool.parent_span_id) == ("execute_tool get_weather", 1, answer.span_id)
    assert tool.trace_id == answer.trace_id
    assert (answer.end_time_unix_nano - answer.start_time_unix_nano) / 1e6 == 900
    assert answer.start_time_unix_nano == 1795253401 * 10**9
    assert (tool.start_time_unix_nano - answer.start_time_unix_nano) / 1e6 == 300
    assert (tool.end_time_unix_nano - tool.start_time_unix_nano) / 1e6 == 12
    assert answer.status.code == 0


def test_the_apps_own_span_is_the_parent() -> None:
    trace, parent = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
    answer, tool = spans_of(made(session=opening(TALK, traceparent=f"00-{trace}-{parent}-01")))
    own, _ = spans_of(made())
    assert (answer.trace_id.hex(), answer.parent_span_id.hex(), answer.flags) == (trace, parent, 0x301)
    assert (tool.trace_id, tool.parent_span_id) == (answer.trace_id, answer.span_id)
    assert (answer.span_id, own.flags) == (own.span_id, 0)
    assert own.trace_id != answer.trace_id


def test_what_it_tells() -> None:
    found = attributes(spans_of(made())[0])
    assert found["gen_ai.operation.name"] == "realtime_inference"
    assert found["gen_ai.provider.name"] == "openai"
    assert found["gen_ai.response.finish_reasons"] == ["stop"]
    assert found["gen_ai.output.type"] == "speech"
    assert found["gen_ai.conversation.id"] == TALK
    assert found["server.address"] == "api.openai.com"
    assert "server.port" not in found
    assert found["gen_ai.usage.input_tokens"] == 20
    assert found["gen_ai.usage.audio.input_tokens"] == 15
    assert found["gen_ai.response.time_to_first_chunk"] == pytest.approx(0.39)
    assert found["voicetap.turn.first_audio"] == pytest.approx(0.4123)
    assert found["voicetap.cost.usd"] == pytest.approx(0.00125)
    assert "error.type" not in found


def test_the_older_names() -> None:
    request_ = made(version="1.36")
    found = attributes(spans_of(request_)[0])
    assert (found["gen_ai.system"], found["gen_ai.usage.input_audio_tokens"]) == ("openai", 15)
    assert {"gen_ai.provider.name", "gen_ai.usage.audio.input_tokens", "gen_ai.realtime_session.id"} & found.keys() == set()
    assert request_.resource_spans[0].scope_spans[0].schema_url == SCHEMA["1.36"]
    assert attributes(request_.resource_spans[0].resource) == {"service.name": "voicetap", "voicetap.semconv": "1.36"}


@pytest.mark.parametrize("version", ["latest", "1.36"])
def test_nothing_that_was_said_unless_asked_for(version: Any) -> None:
    hostile = finding(1, TALK, turn=1)
    assert "pwned" not in str(made(findings=[hostile], version=version))
    answer, tool = spans_of(made(findings=[hostile], version=version, content=True))
    (said,) = json.loads(attributes(answer)["gen_ai.input.messages"])
    assert said == {"role": "user", "parts": [{"type": "text", "content": HOSTILE}]}
    assert attributes(tool)["gen_ai.tool.call.result"] == HOSTILE


def test_findings_are_events_of_the_turn() -> None:
    (event,) = spans_of(made(findings=[finding(1, TALK, turn=1)]))[0].events
    assert event.name == "voicetap.finding"
    assert attributes(event) == {
        "voicetap.policy.rule": "cards",
        "voicetap.policy.action": "redact",
        "voicetap.policy.mode": "enforce",
        "voicetap.policy.kind": "policy",
    }


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"interrupted": True, "status": "cancelled", "reason": "turn_detected"}, "interrupted"),
        ({"status": "cancelled", "reason": "client_cancelled"}, "cancelled"),
        ({"status": "incomplete", "reason": "max_output_tokens"}, "length"),
        ({"status": "incomplete", "reason": "content_filter"}, "content_filter"),
        ({"status": "failed", "error": {"kind": "server_error", "code": "boom"}}, "error"),
    ],
)
def test_how_it_ended(more: dict[str, Any], reason: str) -> None:
    span = spans_of(made(**more))[0]
    assert attributes(span)["gen_ai.response.finish_reasons"] == [reason]
    assert (span.status.code == 2) == (more["status"] == "failed")


def test_the_same_turn_is_the_same_span() -> None:
    first, again = spans_of(made())[0], spans_of(made(output="amended"))[0]
    assert (first.trace_id, first.span_id) == (again.trace_id, again.span_id)
    assert spans_of(decoded(request(spans(opening(TALK), turn(TALK, 2)))))[0].span_id != first.span_id


@pytest.mark.parametrize(
    ("host", "address", "port"),
    [
        ("127.0.0.1:8080", "127.0.0.1", 8080),
        ("[::1]", "[::1]", None),
        ("[::1]:99", "[::1]", 99),
        ("api.x.ai", "api.x.ai", None),
        ("", None, None),
    ],
)
def test_where_the_provider_is(host: str, address: str | None, port: int | None) -> None:
    found = attributes(spans_of(made(session=opening(TALK, upstream_host=host)))[0])
    assert (found.get("server.address"), found.get("server.port")) == (address, port)


@pytest.mark.parametrize(
    ("wanted", "asked", "version"),
    [
        (None, None, "latest"),
        (None, "", "latest"),
        (None, "gen_ai_latest_experimental", "latest"),
        (None, "http/dup, gen_ai_latest_experimental", "latest"),
        (None, "http", "1.36"),
        ("latest", "http", "latest"),
        ("1.36", "gen_ai_latest_experimental", "1.36"),
    ],
)
def test_which_version_names_them(wanted: Any, asked: str | None, version: str) -> None:
    assert semconv.in_force(wanted, {} if asked is None else {"OTEL_SEMCONV_STABILITY_OPT_IN": asked}) == version


def test_records_of_little_are_spans_too() -> None:
    bare = {"session": "s\ud800", "index": 1, "status": "interrupted", "started_at": "2026-11-21T09:30:00Z", "ended_at": None}
    (span,) = spans_of(decoded(request(spans({"id": "s\ud800"}, bare))))
    assert (span.name, span.start_time_unix_nano) == ("realtime_inference", span.end_time_unix_nano)


def test_the_tables_of_the_documentation() -> None:
    for head, table in (("latest", ATTRIBUTES), ("of a tool call", (*TOOL, *TOOL_CONTENT)), ("of a finding", FINDING)):
        text = PAGE.partition(f"| {head} |")[2].partition("\n\n")[0].splitlines()[2:]
        rows = [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in text]
        if table is ATTRIBUTES:
            wanted = [
                (_code(row.latest), "–" if row.stable is None else "same" if row.same else _code(row.stable), row.of) for row in table
            ]
        else:
            wanted = [(_code(row.latest), row.of) for row in table]
        assert rows == wanted
    assert all(f"`{attribute.latest}`" in PAGE for attribute in CONTENT)
    assert set(SCHEMA) == set(semconv.OPERATION)


def _code(name: str | None) -> str:
    return f"`{name}`"
