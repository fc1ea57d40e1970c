"""OpenAI Live (`/v1/live/sessions`): full duplex, no turns; billed by the seconds the session is open.

The first event must be `session.start`. Speech is answered when the user pauses, and the answer stops when the user
talks again. Delegations and decisions are refused: nothing here could serve them.
"""

from __future__ import annotations

from typing import Final

from realtime.audio import AudioFormat
from simulator.audio import CHUNK_MS
from simulator.audio import beats
from simulator.machine import Machine
from simulator.machine import Setup
from simulator.machine import sound
from simulator.replies import Say
from simulator.replies import Turn
from simulator.replies import reply
from simulator.schema import ANY
from simulator.schema import OBJECT
from simulator.schema import TEXT
from simulator.schema import TEXT_OR_NULL
from simulator.schema import Fields
from simulator.schema import Refused
from simulator.schema import Shape
from simulator.timeline import Event
from simulator.timeline import Steps
from simulator.vad import Started
from simulator.vad import Stopped
from simulator.vad import Tuning
from simulator.vad import VoiceDetector

_FORMATS: Final = {
    ("audio/pcm", 16_000): AudioFormat("pcm16", 16_000),
    ("audio/pcm", 24_000): AudioFormat("pcm16", 24_000),
    ("audio/pcmu", 8_000): AudioFormat("pcmu", 8_000),
    ("audio/pcma", 8_000): AudioFormat("pcma", 8_000),
}
_PCM: Final = {"type": "audio/pcm", "rate": 24_000}
_WINDOW_SECONDS: Final = 3_600.0
_THINKING: Final = 0.25
_APPENDED: Final = ("instructions", "thinking", "commentary")
_UNSERVED: Final = ("decision.create", "decision.item.create", "decision.item.delete", "response.item.create", "response.create")


def _event(required: tuple[str, ...] = (), /, **fields: Shape) -> Fields:
    return Fields({"type": TEXT, "event_id": TEXT, **fields}, required)


_SHAPES: Final[dict[str, Shape]] = {
    "session.start": _event(("session",), session=OBJECT),
    "session.update": _event(("session",), session=Fields({"delegation": OBJECT, "triggers": ANY})),
    "session.close": _event(),
    "session.input_audio.append": _event(("audio",), audio=TEXT),
    "session.input_audio.mute": _event(),
    "session.input_audio.unmute": _event(),
    **{f"session.{what}.append": _event(("content",), content=TEXT, delegation_id=TEXT_OR_NULL) for what in _APPENDED},
    **dict.fromkeys(_UNSERVED, OBJECT),
}


class LiveSession(Machine):
    """Positions are milliseconds since `session.started`."""

    shapes = _SHAPES
    anonymous = frozenset(("session.output_audio.delta",))
    append = "session.input_audio.append"
    spoken = "session.output_audio.delta"

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self._session: Event | None = None
        self._started_at = 0.0
        self._muted = False
        self._utterances = 0
        self._answer: Steps = iter(())
        self._format = AudioFormat("pcm16", 24_000)
        self._detector = VoiceDetector(self._format, Tuning())
        self.handlers |= {
            "session.start": self._start,
            "session.update": self._update,
            "session.close": self._close,
            "session.input_audio.append": self._append,
            "session.input_audio.mute": self._mute,
            "session.input_audio.unmute": self._mute,
            **{f"session.{what}.append": self._noted for what in _APPENDED},
            **dict.fromkeys(_UNSERVED, self._unserved),
        }

    def introduction(self) -> Event | None:
        """None: the client speaks first here."""
        return None

    def receive(self, event: object, now: float) -> None:
        """Takes one client message; before `session.start` nothing else is served."""
        self.now = now
        if self._session is None and not (isinstance(event, dict) and event.get("type") == "session.start"):
            event_id = event.get("event_id") if isinstance(event, dict) else None
            self.refuse(Refused("session_not_started", "The first event must be session.start.", "type"), event_id)
            return
        super().receive(event, now)

    def error_body(self, refusal: Refused, event_id: str | None) -> Event:
        named = {"client_event_id": event_id} if event_id is not None else {}
        param = {"param": refusal.param} if refusal.param is not None else {}
        return {"type": refusal.kind, "code": refusal.code, "message": refusal.message, **param, **named}

    def _start(self, event: Event) -> None:
        if self._session is not None:
            raise Refused("session_already_started", "The session was started already.", "type")
        asked = event["session"] or {}
        if not isinstance(asked.get("model"), str):
            raise Refused("missing_required_parameter", "Missing required parameter: 'session.model'.", "session.model")
        audio = asked.get("audio") or {}
        form = audio.get("format") or _PCM
        self._format = _audio_format(form)
        self._detector = VoiceDetector(self._format, Tuning())
        settled = {"audio": {"format": form, "output": {"voice": (audio.get("output") or {}).get("voice", "marin")}}}
        self._session = {
            **{key: value for key, value in asked.items() if key != "audio"},
            **settled,
            "id": self.new_id("live"),
            "status": "active",
            "expires_at": self.setup.expires_at,
        }
        self._started_at = self.now
        self._acknowledge("session.started", event, session=self._session)

    def _update(self, event: Event) -> None:
        self._session = {**(self._session or {}), **event["session"]}
        self._acknowledge("session.updated", event, session=self._session)

    def _append(self, event: Event) -> None:
        audio = sound(event)
        if self._muted:
            return
        for edge in self._detector.feed(audio):
            if isinstance(edge, Started):
                self.timeline.stop(self._answer)
            else:
                self._reply(edge)

    def _reply(self, edge: Stopped) -> None:
        script = self.setup.script
        heard = script.transcripts[self._utterances % len(script.transcripts)]
        self.send({"type": "session.input_transcript.delta", "delta": heard, "start_ms": edge.start_ms, "end_ms": edge.at_ms})
        spoken = [part.text for part in reply(script, Turn(heard, number=self._utterances)) if isinstance(part, Say)]
        self._utterances += 1
        self._answer = self._steps(" ".join(spoken), edge.at_ms)
        self.timeline.play(self.now, self._answer)

    def _steps(self, text: str, at_ms: int) -> Steps:
        wait = _THINKING * self.setup.pace
        for beat in beats(text, self._format):
            ends = at_ms + CHUNK_MS * len(beat.chunks)
            yield wait, {"type": "session.output_transcript.delta", "delta": beat.text, "start_ms": at_ms, "end_ms": ends}
            wait = 0.0
            for chunk in beat.chunks:
                yield wait, {"type": "session.output_audio.delta", "delta": chunk, "start_ms": at_ms, "end_ms": at_ms + CHUNK_MS}
                at_ms += CHUNK_MS
                wait = self.setup.pace * CHUNK_MS / 1000
        yield 0.0, {"type": "session.usage.updated", "usage": self._usage(), "context_window": self._window()}

    def _mute(self, event: Event) -> None:
        self._muted = event["type"].endswith(".mute")
        self._acknowledge(f"{event['type']}d", event)

    def _noted(self, event: Event) -> None:
        at_ms = int((self.now - self._started_at) * 1000)
        self._acknowledge(f"{event['type']}ed", event, start_ms=at_ms, end_ms=at_ms)

    def _unserved(self, event: Event) -> None:
        raise Refused("unsupported_event", f"This simulator does not serve {event['type']}.", "type")

    def _close(self, event: Event) -> None:
        self.timeline.stop(self._answer)
        self._acknowledge("session.closed", event, reason="close_requested", session=self._session, usage=self._usage())
        self.close(1000)

    def _usage(self) -> Event:
        return {"seconds": round(self.now - self._started_at, 3)}

    def _window(self) -> Event:
        return {"usage_ratio": round(min(1.0, (self.now - self._started_at) / _WINDOW_SECONDS), 4)}

    def _acknowledge(self, kind: str, event: Event, **fields: object) -> None:
        echoed = {"client_event_id": event["event_id"]} if "event_id" in event else {}
        self.send({"type": kind, **fields, **echoed})


def _audio_format(form: Event) -> AudioFormat:
    found = _FORMATS.get((form.get("type", ""), form.get("rate", 0)))
    if found is None:
        raise Refused("invalid_value", f"Unsupported audio format {str(form)[:80]}.", "session.audio.format")
    return found
