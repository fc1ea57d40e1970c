"""Every cassette through its dialect: the signals add up to what the cassette says was said, called, used and heard."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any

import pytest
from google.genai.types import LiveClientMessage
from google.genai.types import LiveServerMessage
from openai.types.beta.realtime import RealtimeServerEvent as BetaServerEvent
from openai.types.live import ServerEvent as LiveServerEvent
from openai.types.realtime import RealtimeServerEvent
from openai.types.realtime import RealtimeTranslationServerEvent
from pydantic import TypeAdapter

from realtime.dialects import NAMES
from realtime.dialects import detect
from realtime.dialects import make
from realtime.frame import Frame
from realtime.meter_audio import AudioMeter
from realtime.signals import InputTranscript
from realtime.signals import ResponseFinished
from realtime.signals import ResponseStarted
from realtime.signals import SessionConfig
from realtime.signals import Signal
from realtime.signals import TextOut
from realtime.signals import ToolCall
from realtime.signals import UsageReport
from realtime.usage import Usage

CASSETTES = sorted(Path(__file__).parents[2].joinpath("simulator/cassettes").glob("*.jsonl"))
DIALECTS = {
    "openai-live": "openai-live",
    "openai-translation": "openai-translation",
    "gemini-aistudio": "gemini",
    "gemini-vertex": "gemini",
    "elevenlabs-agents": "elevenlabs",
    "vllm-asr": "vllm",
}


@dataclass
class Session:
    """What a listener that knows only signals makes of a session."""

    meter: AudioMeter
    kind: str | None = None
    added: Usage = field(default_factory=Usage)
    cumulative: Usage = field(default_factory=Usage)
    billed: set[str] = field(default_factory=set)
    parts: dict[str, str] = field(default_factory=dict)
    transcripts: list[str] = field(default_factory=list)
    tools: dict[str, str] = field(default_factory=dict)
    open: list[str | None] = field(default_factory=list)
    ended: list[ResponseFinished] = field(default_factory=list)

    def take(self, signal: Signal) -> None:
        self.meter.add(signal)
        match signal:
            case SessionConfig(kind=kind):
                self.kind = kind or self.kind
            case TextOut(text=text, response_id=owner, final=final, replace=replace):
                key = owner or f"turn {self.turns}"
                self.parts[key] = text if final or replace else self.parts.get(key, "") + text
            case ToolCall():
                self.tools[signal.call_id] = signal.name
            case InputTranscript(final=True):
                if signal.usage:
                    self.added += signal.usage
                self.transcripts.append(signal.text)
            case ResponseStarted():
                self.open.append(signal.response_id)
            case ResponseFinished():
                self.open.remove(signal.response_id)
                self.ended.append(signal)
                self.tools |= {call.call_id: call.name for call in signal.tools}
                self.added += signal.usage or Usage()
                if signal.text and signal.response_id:
                    self.parts[signal.response_id] = signal.text
            case UsageReport(cumulative=True):
                self.cumulative = signal.usage
            case UsageReport(id=bill) if bill is None or bill not in self.billed:
                self.billed.add(bill or "")
                self.added += signal.usage

    @property
    def turns(self) -> int:
        return len(self.transcripts) if self.kind == "transcription" else sum(not end.continues for end in self.ended)

    @property
    def texts(self) -> list[str]:
        return self.transcripts if self.kind == "transcription" else [text for text in self.parts.values() if text]


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def frames(path: Path) -> list[Frame]:
    made = []
    for line in lines(path)[1:-1]:
        if "event" in line:
            payload = json.dumps(line["event"], ensure_ascii=False).encode()
            made.append(Frame(line["from"] == "client", payload, text=not line.get("binary")))
        elif "bytes" in line:
            made.append(Frame(line["from"] == "client", base64.b64decode(line["bytes"]), text=False))
    return made


@pytest.mark.parametrize("path", CASSETTES, ids=lambda path: path.stem)
def test_a_cassette_adds_up(path: Path) -> None:
    expected = lines(path)[-1]["expect"]
    dialect = make(DIALECTS.get(path.stem, "openai"))
    session = Session(AudioMeter(dialect.formats))
    for frame in frames(path):
        for signal in dialect.signals(frame):
            session.take(signal)
    for signal in dialect.end():
        session.take(signal)
    assert session.open == []
    assert session.turns == expected["turns"]
    assert session.texts == expected["texts"]
    assert list(session.tools.values()) == expected["tools"]
    assert (session.added + session.cumulative).record() == expected["usage"]
    meter = session.meter
    measured = {name: getattr(meter, name) for name in ("bytes_in", "bytes_out", "seconds_in", "seconds_out")}
    assert measured == pytest.approx(expected["audio"])


@pytest.mark.parametrize("path", CASSETTES, ids=lambda path: path.stem)
def test_the_first_server_frame_tells_the_dialect(path: Path) -> None:
    first = next(frame for frame in frames(path) if not frame.from_client)
    assert detect(first) == DIALECTS.get(path.stem, "openai")


@pytest.mark.parametrize("path", CASSETTES, ids=lambda path: path.stem)
def test_a_cassette_says_what_it_is(path: Path) -> None:
    head, expected = lines(path)[0], lines(path)[-1]["expect"]
    assert head.keys() == {"cassette", "name", "provider", "path", "query", "source", "live"}
    assert (head["cassette"], head["name"], head["live"]) == (1, path.stem, False)
    assert expected.keys() == {"turns", "usage", "texts", "tools", "audio"}
    assert any(line.get("close") for line in lines(path)[1:-1])


def test_every_dialect_has_a_cassette() -> None:
    assert {DIALECTS.get(path.stem, "openai") for path in CASSETTES} == set(NAMES)


VALIDATORS: dict[str, Callable[[str], object]] = {
    "openai-ga-voice": TypeAdapter(RealtimeServerEvent).validate_json,
    "azure-ga": TypeAdapter(RealtimeServerEvent).validate_json,
    "openai-transcription": TypeAdapter(RealtimeServerEvent).validate_json,
    "elevenlabs-realtime": TypeAdapter(RealtimeServerEvent).validate_json,
    "inworld": TypeAdapter(RealtimeServerEvent).validate_json,
    "openai-translation": TypeAdapter(RealtimeTranslationServerEvent).validate_json,
    "openai-live": TypeAdapter(LiveServerEvent).validate_json,
    "azure-preview": TypeAdapter(BetaServerEvent).validate_json,
    "gemini-aistudio": LiveServerMessage.model_validate_json,
    "gemini-vertex": LiveServerMessage.model_validate_json,
}


@pytest.mark.parametrize("name", VALIDATORS)
def test_the_shapes_are_those_of_the_official_sdk(name: str) -> None:
    path = next(path for path in CASSETTES if path.stem == name)
    for frame in frames(path):
        if not frame.from_client:
            VALIDATORS[name](frame.payload.decode())
        elif name.startswith("gemini"):
            message = json.loads(frame.payload)
            message.get("setup", {}).pop("realtimeInputConfig", None)  # the SDK writes it beside its own type
            LiveClientMessage.model_validate(message)
