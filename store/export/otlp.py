"""Turns as OpenTelemetry spans, in the JSON encoding of OTLP. One span a turn, one below it for each tool that was run; none for a session.

Ids are made from those of the record, so that what is sent twice is the same span. All turns of a session are one trace: the one that the
app's `traceparent` names, below the span that it names, else one of their own.
Source: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding: ids in hexadecimal, 64-bit numbers as text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from collections.abc import Sequence
from datetime import UTC
from datetime import datetime
from hashlib import sha256
from typing import Any
from typing import Final

import msgspec

from store.export.semconv import ATTRIBUTES
from store.export.semconv import CONTENT
from store.export.semconv import FINDING
from store.export.semconv import OPERATION
from store.export.semconv import SCHEMA
from store.export.semconv import TOOL
from store.export.semconv import TOOL_CONTENT
from store.export.semconv import Attribute
from store.export.semconv import Semconv
from store.lines import Row

PATH: Final = "/v1/traces"
"""Below the collector's base URL."""
_INTERNAL, _CLIENT = 1, 3
_ERROR: Final = 2
_REMOTE: Final = 0x300
"""SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK and SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
SCOPE: Final = {"name": "voicetap", "version": "1"}

_encode = msgspec.json.Encoder().encode


def spans(session: Row, turn: Row, findings: Iterable[Row] = (), *, semconv: Semconv = "latest", content: bool = False) -> list[Row]:
    """The spans of a turn that is over, its own first; with `content` what was said, as far as the records have it."""
    _, trace, parent, flags = (session.get("traceparent") or f"00-{_id(16, turn['session'])}--").split("-")
    span = _id(8, turn["session"], turn["index"])
    begun = _nanoseconds(turn["started_at"])
    ended = max(begun, _nanoseconds(turn.get("ended_at") or turn["started_at"]))
    operation, model = OPERATION[semconv], turn.get("model") or session.get("model")
    made: Row = {
        "traceId": trace,
        "spanId": span,
        "name": f"{operation} {model}" if model else operation,
        "kind": _CLIENT,
        "startTimeUnixNano": str(begun),
        "endTimeUnixNano": str(ended),
        "attributes": [
            attribute("gen_ai.operation.name", operation),
            *_attributes((*ATTRIBUTES, *(CONTENT if content else ())), session, turn, semconv),
        ],
        "events": [_event(finding, semconv) for finding in findings],
    }
    if parent:
        made |= {"parentSpanId": parent, "flags": _REMOTE | int(flags, 16)}
    if turn.get("status") == "failed":
        made["status"] = {"code": _ERROR, "message": str((turn.get("error") or {}).get("code") or "")}
    calls = enumerate(turn.get("tool_calls") or ())
    return [made, *(_tool(turn, call, number, trace, span, begun, semconv, content=content) for number, call in calls)]


def request(found: Sequence[Row], semconv: Semconv = "latest", service: str = "voicetap") -> bytes:
    """The body of a request that delivers spans."""
    resource = described(semconv, service)
    scope: Row = {"scope": SCOPE, "spans": found}
    if SCHEMA[semconv]:
        scope["schemaUrl"] = SCHEMA[semconv]
    return _encode({"resourceSpans": [{"resource": resource, "scopeSpans": [scope]}]})


def described(semconv: Semconv, service: str) -> Row:
    """Who delivers."""
    return {"attributes": [attribute("service.name", service), attribute("voicetap.semconv", semconv)]}


def _tool(turn: Row, call: Row, number: int, trace: str, parent: str, begun: int, semconv: Semconv, *, content: bool) -> Row:
    """From the call to its result; a moment where none came."""
    start = begun + _of_milliseconds(call.get("called_ms"))
    name = call.get("name") or ""
    return {
        "traceId": trace,
        "spanId": _id(8, turn["session"], turn["index"], number),
        "parentSpanId": parent,
        "name": f"execute_tool {name}",
        "kind": _INTERNAL,
        "startTimeUnixNano": str(start),
        "endTimeUnixNano": str(start + _of_milliseconds(call.get("result_ms"))),
        "attributes": _attributes((*TOOL, *(TOOL_CONTENT if content else ())), turn, call, semconv),
    }


def _event(finding: Row, semconv: Semconv) -> Row:
    attributes = _attributes(FINDING, {}, finding, semconv)
    return {"timeUnixNano": str(_nanoseconds(finding["at"])), "name": "voicetap.finding", "attributes": attributes}


def _attributes(table: Iterable[Attribute], session: Row, turn: Row, semconv: Semconv) -> list[Row]:
    named = ((attribute.name(semconv), attribute.take(session, turn)) for attribute in table)
    return [attribute(name, value) for name, value in named if name is not None and value is not None]


def attribute(name: str, value: Any) -> Row:
    """A name and its value, as OTLP has them."""
    return {"key": name, "value": _value(value)}


def _value(value: Any) -> Row:
    """As OTLP says of what type a value is; a structure is JSON."""
    match value:
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value}
        case [str(), *_]:
            return {"arrayValue": {"values": [_value(part) for part in value]}}
        case str():
            return {"stringValue": value.encode(errors="replace").decode()}
    return {"stringValue": json.dumps(value)}


def _id(size: int, *parts: object) -> str:
    digest = sha256("\0".join(map(str, ("voicetap", *parts))).encode(errors="replace")).digest()
    return digest[:size].hex()


def _nanoseconds(moment: str) -> int:
    """Since 1970, exactly: a float has no room for them."""
    since = datetime.fromisoformat(moment) - _EPOCH
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1_000


def _of_milliseconds(value: float | None) -> int:
    return max(0, round((value or 0.0) * 1_000_000))
