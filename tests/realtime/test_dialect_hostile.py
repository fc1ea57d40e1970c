"""Whatever either side sends: a dialect never raises, its signals have the types they promise, and it stays usable."""

from __future__ import annotations

import copy
import json
from dataclasses import fields
from pathlib import Path
from typing import Any
from typing import get_args

import pytest
from hypothesis import HealthCheck
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from realtime.audio import AudioFormat
from realtime.dialects import NAMES
from realtime.dialects import detect
from realtime.dialects import make
from realtime.frame import Frame
from realtime.meter_audio import AudioMeter
from realtime.signals import Signal
from realtime.signals import ToolCall
from realtime.usage import Usage

CASSETTES = sorted(Path(__file__).parents[2].joinpath("simulator/cassettes").glob("*.jsonl"))
EVENTS = [
    (line["from"] == "client", line["event"])
    for path in CASSETTES
    for line in map(json.loads, path.read_text().splitlines())
    if "event" in line
]
SIGNALS = get_args(Signal)

JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6) | st.just(10**400) | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


def paths(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(path for key, child in inner for path in paths(child, (*at, key)))]


def replaced(event: dict[str, Any], path: tuple[Any, ...], junk: Any) -> Any:
    if not path:
        return junk
    made = copy.deepcopy(event)
    holder = made
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = junk
    return made


def check(signals: Any) -> None:
    """The field types a signal promises, at run time."""
    for signal in signals:
        assert isinstance(signal, SIGNALS)
        for field in fields(signal):
            value = getattr(signal, field.name)
            if field.name in ("text", "call_id", "name", "arguments", "output", "message", "code") and value is not None:
                assert isinstance(value, str)
            if field.name == "size":
                assert type(value) is int
                assert value >= 0
            if field.name.endswith("_id") or field.name in ("reason", "model", "voice", "id"):
                assert value is None or isinstance(value, str)
            if field.name.endswith("format"):
                assert value is None or isinstance(value, AudioFormat)
            if field.name == "usage":
                assert value is None or isinstance(value, Usage)
            if field.name == "tools" and value is not None:
                assert all(isinstance(tool, str | ToolCall) for tool in value)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(st.data(), st.sampled_from(NAMES), st.lists(st.tuples(st.sampled_from(EVENTS), JUNK), min_size=1, max_size=4))
def test_real_events_with_anything_anywhere(data: st.DataObject, name: str, spoiled: list[tuple[tuple[bool, dict[str, Any]], Any]]) -> None:
    dialect, meter = make(name), AudioMeter(make(name).formats)
    for (from_client, event), junk in spoiled:
        path = data.draw(st.sampled_from(paths(event)))
        frame = Frame(from_client, json.dumps(replaced(event, path, junk)).encode())
        signals = dialect.signals(frame)
        check(signals)
        for signal in signals:
            meter.add(signal)
        assert detect(frame) in (*NAMES, None)
    check(dialect.end())
    assert meter.seconds_in >= 0
    assert meter.seconds_out >= 0


@given(st.sampled_from(NAMES), st.booleans(), st.booleans(), st.binary(max_size=80))
def test_any_bytes(name: str, from_client: bool, text: bool, payload: bytes) -> None:
    check(make(name).signals(Frame(from_client, payload, text=text)))


@pytest.mark.parametrize("name", NAMES)
def test_every_event_to_every_dialect(name: str) -> None:
    dialect = make(name)
    for from_client, event in EVENTS:
        check(dialect.signals(Frame(not from_client, json.dumps(event).encode())))
        check(dialect.signals(Frame(from_client, json.dumps(event).encode())))
    check(dialect.end())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "payload",
    [
        b'{"type":"response.done","response":' + b"[" * 100_000,
        b'{"type":"response.done","response":' + b'{"x":' * 200 + b"1" + b"}" * 201,
        b'{"type":"response.done","response":{"usage":{"total_tokens":' + b"9" * 5_000 + b"}}}",
        b'{"type":"response.audio.delta","delta":"\xff"}',
        b'{"type":"response.text.delta","delta":"\xff"}',
        b'{"type":"error","error":{"message":"\\ud800"}}',
        b'{"serverContent":{"turnComplete":true},"usageMetadata":{"promptTokenCount":1e999}}',
        b"",
    ],
)
def test_what_no_parser_takes(name: str, payload: bytes) -> None:
    for from_client in (True, False):
        check(make(name).signals(Frame(from_client, payload)))
