"""An app and a provider with the input gate between them: what each says, and what each gets."""

from __future__ import annotations

import json
from typing import Any

from realtime.frame import Frame
from realtime.framing import Close
from realtime.gates.act import Act
from realtime.gates.input import InputGate
from realtime.gates.settings import Bounds
from realtime.gates.settings import Gates

Event = dict[str, Any]
VAD = {"type": "server_vad", "threshold": 0.7}
HEARD = "conversation.item.input_audio_transcription"


def config(detection: Any = VAD, transcription: Any = None, shape: str = "ga") -> Event:
    """A session as GA, beta and xAI write it."""
    match shape:
        case "ga":
            return {"type": "realtime", "audio": {"input": {"turn_detection": detection, "transcription": transcription}}}
        case "beta":
            return {"turn_detection": detection, "input_audio_transcription": transcription}
        case _:
            return {"turn_detection": detection, "audio": {"input": {"transcription": transcription}}}


def detection_of(session: Event, shape: str = "ga") -> Any:
    return session["audio"]["input"]["turn_detection"] if shape == "ga" else session["turn_detection"]


class Call:
    """`app` and `provider` speak; `to_app` and `to_provider` are what they got, `notes` what was put on record."""

    def __init__(self, *, blocks: bool = True, transcriber: str | None = "asr", beside: bool = False, **bounds: Any) -> None:
        self.gate = InputGate(Gates(gate=True, transcriber=transcriber, beside=beside), lambda: blocks, Bounds(**bounds))
        self.now = 0.0
        self.to_app: list[Event] = []
        self.to_provider: list[Event] = []
        self.notes: list[tuple[str, str | None, str]] = []
        self.closed: Close | None = None

    def app(self, *events: Event | str) -> Call:
        for event in events:
            frame = Frame(True, json.dumps(named(event)).encode())
            self.do(self.gate.from_client(frame, self.now), frame, self.to_provider)
        return self

    def provider(self, *events: Event | str, stopped: str = "") -> Call:
        for event in events:
            frame = Frame(False, json.dumps(named(event)).encode())
            self.do(self.gate.from_server(frame, stopped, self.now), frame, self.to_app)
        return self

    def wait(self, seconds: float) -> Call:
        self.now += seconds
        self.do(self.gate.due(self.now), None, [])
        return self

    def do(self, act: Act, frame: Frame | None, target: list[Event]) -> None:
        if frame is not None and not act.drop:
            target.append(json.loads(act.payload or frame.payload))
        self.to_app += map(json.loads, act.client)
        self.to_provider += [json.loads(one) for one in (*act.upstream, *act.replay)]
        self.notes += [note[:3] for note in act.notes]
        self.closed = act.close or self.closed

    def begin(self, session: Event | None = None) -> Call:
        """A session whose configuration is as the gate wants it; what was said for that is forgotten."""
        self.provider({"type": "session.created", "session": session or config()})
        self.provider({"type": "session.updated", "session": config({**VAD, "create_response": False}, {"model": "asr"})})
        self.to_app.clear()
        self.to_provider.clear()
        return self

    def hear(self, item: str = "i1", *, stopped: str = "", ended: str = "completed") -> Call:
        return self.provider({"type": f"{HEARD}.{ended}", "item_id": item, "transcript": "Hi"}, stopped=stopped)

    @property
    def asked(self) -> list[Event]:
        return [event for event in self.to_provider if event["type"] == "response.create"]


def named(event: Event | str) -> Event:
    return {"type": event} if isinstance(event, str) else event


def committed(item: str = "i1") -> Event:
    return {"type": "input_audio_buffer.committed", "item_id": item}


def answer(what: str, name: str = "r1") -> Event:
    return {"type": f"response.{what}", "response": {"id": name}}


def failure(cause: str | None, code: str = "some_error") -> Event:
    return {"type": "error", "error": {"type": "invalid_request_error", "code": code, "message": "no", "event_id": cause}}
