"""What was authorised at the handshake is what runs: every client message that names a model is checked and aliased.

The message is read as JSON, so an escaped spelling does not pass; where a restriction applies, a message that two
parsers could read differently (duplicate keys, nesting beyond what is read) is refused instead of guessed at.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from typing import Final

from realtime.errors import provider_error_event
from realtime.frame import Frame
from realtime.frame import may_be_json
from realtime.framing import Close
from realtime.jsonedit import replace_value
from realtime.verdict import Verdict

WAIT_SECONDS: Final = 15.0
WAIT_FRAMES: Final = 16
WAIT_BYTES: Final = 1 << 20

Path = tuple[str, ...]
_SESSION: Final[Path] = ("session", "model")
_TRANSCRIPTION: Final[Path] = ("session", "audio", "input", "transcription", "model")
_LEGACY: Final[Path] = ("session", "input_audio_transcription", "model")

NAMED_IN: Final[dict[str, tuple[Path, ...]]] = {
    "session.update": (_SESSION, _TRANSCRIPTION, _LEGACY, ("model",)),
    "transcription_session.update": (_LEGACY, _TRANSCRIPTION),
    "response.create": (("response", "model"),),
    "session.start": (_SESSION,),
    "": (("setup", "model"),),
}
"""Where a client message of a type can name a model; "" are messages without a type (Gemini)."""

_PASS: Final = None
_HOLD: Final = Verdict("hold")


@dataclass(slots=True)
class ModelPin:
    """The model rules of one session.

    `allowed` says whether the principal may use a catalogue model; `resolve` maps what a client writes to
    (catalogue name, name upstream). `model` is what is authorised so far; `asr` sessions run exactly that one, which is put
    into their configuration unless the upstream's URL names it already (`model_in_url`).
    """

    dialect: str
    allowed: Callable[[str], bool]
    resolve: Callable[[str], tuple[str, str]]
    restricted: bool
    asr: bool
    model: str | None
    opened: float
    model_in_url: bool = False
    waiting: bool = False
    refused: str = ""
    """Why the last message that was refused was."""
    _held: int = 0
    _held_bytes: int = 0

    def __post_init__(self) -> None:
        self.waiting = self.model is None and (self.asr or self.restricted)

    def check(self, frame: Frame) -> Verdict | None:
        """The verdict on a client message; server messages are none of its business."""
        if not frame.from_client:
            return _PASS
        kind = frame.type
        if kind in NAMED_IN or frame.flaw is not None:
            verdict = self._read(frame, kind)
            if verdict is not _PASS:
                return verdict
        return self._wait(frame) if self.waiting else _PASS

    def overdue(self, now: float) -> Close | None:
        """Why the session must end when no model was named in time."""
        if self.waiting and now - self.opened >= WAIT_SECONDS:
            return Close(1008, f"no model was named within {WAIT_SECONDS:.0f} s")
        return None

    def _read(self, frame: Frame, kind: str) -> Verdict | None:
        event = frame.event
        if self.restricted and (doubt := _doubt(frame)) is not None:
            return self._refuse(frame, f"this key may use certain models only, and {doubt}", "ambiguous_event")
        if event is None:
            return _PASS
        payload = frame.payload
        for path in NAMED_IN.get(kind, ()):
            named = _at(event, path)
            if not isinstance(named, str) or not named.strip():
                continue
            model, upstream = self.resolve(named)
            if self.asr and self.model is not None and path != _SESSION:
                model, upstream = self.model, self.resolve(self.model)[1]
            elif not self.allowed(model):
                return self._refuse(frame, f"model {named[:80]!r} is not allowed for this key", "model_not_allowed")
            if self.model is None:
                self.model = model
            if upstream != named:
                payload = replace_value(payload, path, upstream) or payload
        return self._outcome(frame, kind, payload)

    def _outcome(self, frame: Frame, kind: str, payload: bytes) -> Verdict | None:
        if self.asr and self.model is not None and not self.model_in_url and kind == "session.update":
            payload = _with_transcription_model(json.loads(payload), self.resolve(self.model)[1]) or payload
        release = self.waiting and self.model is not None
        if release:
            self.waiting = False
        if payload is not frame.payload:
            return Verdict("replace", payload=payload, release=release)
        return Verdict("pass", release=True) if release else _PASS

    def _wait(self, frame: Frame) -> Verdict:
        self._held += 1
        self._held_bytes += len(frame.payload)
        if self._held > WAIT_FRAMES or self._held_bytes > WAIT_BYTES:
            self.refused = reason = f"no model was named in the first {WAIT_FRAMES} messages or {WAIT_BYTES} bytes"
            return Verdict("close", close=Close(1008, reason))
        return _HOLD

    def _refuse(self, frame: Frame, message: str, code: str) -> Verdict:
        self.refused = message
        event = provider_error_event(message, type="invalid_request_error", code=code, event_id=frame.head.event_id, dialect=self.dialect)
        if event is None:
            return Verdict("close", close=Close(1008, message))
        return Verdict("drop", reply=(event,))


def _doubt(frame: Frame) -> str | None:
    """Why a message cannot be read with certainty; None where it can, or where it cannot name a model at all."""
    flaw = frame.flaw
    if flaw is None:
        return None
    text = frame.payload.replace(b"\0", b"")
    names_model = b"model" in text or b"\\u" in text
    return f"this message cannot be checked: {flaw}" if names_model and (frame.text or may_be_json(text)) else None


def _at(event: Any, path: Path) -> Any:
    for key in path:
        if not isinstance(event, dict):
            return None
        event = event.get(key)
    return event


def _with_transcription_model(event: dict[str, Any], model: str) -> bytes | None:
    """The event with the pinned model where it names none, or None where it does (or is not shaped for it).

    The GA path is created when missing; the legacy object is only filled where the client sent one.
    """
    session = event.get("session")
    if not isinstance(session, dict):
        return None
    legacy = session.get("input_audio_transcription")
    if isinstance(legacy, dict):
        holder = legacy
    elif legacy is None:
        found = _made(session, ("audio", "input", "transcription"))
        if found is None:
            return None
        holder = found
    else:
        return None
    if holder.get("model") is not None:
        return None
    holder["model"] = model
    return json.dumps(event).encode()


def _made(node: dict[str, Any], path: Path) -> dict[str, Any] | None:
    for key in path:
        inner = node.get(key)
        if inner is None:
            inner = node[key] = {}
        if not isinstance(inner, dict):
            return None
        node = inner
    return node
