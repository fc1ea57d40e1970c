"""What was authorised at the handshake is what runs: every client message that names a model is checked and aliased.

The message is read as JSON, so an escaped spelling does not pass; where a restriction applies, a message that two
parsers could read differently (duplicate keys, nesting beyond what is read) is refused instead of guessed at.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from typing import Final

from realtime.doubt import CODE as AMBIGUOUS
from realtime.doubt import doubt
from realtime.errors import provider_error_event
from realtime.frame import Frame
from realtime.framing import Close
from realtime.jsonedit import replace_value
from realtime.texts import SOUND
from realtime.verdict import Verdict

WAIT_SECONDS: Final = 15.0
WAIT_FRAMES: Final = 16
WAIT_BYTES: Final = 1 << 20

_SIGN: Final = re.compile(rb"(?i)model|llm")

Path = tuple[str, ...]
_SESSION: Final[Path] = ("session", "model")
_TRANSCRIPTION: Final[Path] = ("session", "audio", "input", "transcription", "model")
_LEGACY: Final[Path] = ("session", "input_audio_transcription", "model")
_FLAT: Final[tuple[Path, ...]] = (("model",), ("input_audio_transcription", "model"), ("audio", "input", "transcription", "model"))
"""vLLM, and the beta's transcription sessions as they were documented first, have no `session`."""
_HELPERS: Final[tuple[Path, ...]] = (
    ("session", "delegation", "responses", "model"),
    ("session", "delegation", "decisions", "model"),
    ("session", "interim_response", "model"),
)
"""OpenAI Live delegates to models, Voice Live has one that bridges pauses."""
_AGENT: Final[tuple[Path, ...]] = (
    ("conversation_config_override", "agent", "prompt", "llm"),
    ("conversation_config_override", "tts", "model_id"),
    ("custom_llm_extra_body", "model"),
)
"""What a client of an ElevenLabs agent may override."""
_CONFIGURED: Final = (_SESSION, _TRANSCRIPTION, _LEGACY, *_FLAT, *_HELPERS)
_TRANSCRIBES: Final = frozenset((_TRANSCRIPTION, _LEGACY, *_FLAT))
_BESIDE: Final = frozenset((*_HELPERS, *_AGENT))
"""Where a model is named that is none of the session's own."""

NAMED_IN: Final[dict[str, tuple[Path, ...]]] = {
    "session.update": _CONFIGURED,
    "transcription_session.update": _CONFIGURED,
    "response.create": (("response", "model"),),
    "decision.create": (("decision", "model"),),
    "session.start": _CONFIGURED,
    "conversation_initiation_client_data": _AGENT,
    "": (("setup", "model"),),
}
"""Where a client message of a type can name a model; "" are messages without a type (Gemini, whose messages have none to heed)."""

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
        kind = "" if self.dialect == "gemini" else frame.type
        if kind in NAMED_IN or frame.flaw is not None or (self.restricted and kind not in SOUND):
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
        if self.restricted and (why := _disguised(event, NAMED_IN.get(kind, ())) or doubt(frame, _SIGN)) is not None:
            return self._refuse(frame, f"this key may use certain models only, and {why}", AMBIGUOUS)
        if event is None:
            return _PASS
        payload = frame.payload
        for path in NAMED_IN.get(kind, ()):
            named = _at(event, path)
            if not isinstance(named, str) or not named.strip():
                continue
            model, upstream = self.resolve(named)
            if self.asr and self.model is not None and path in _TRANSCRIBES:
                model, upstream = self.model, self.resolve(self.model)[1]
            elif not self.allowed(model):
                return self._refuse(frame, f"model {named[:80]!r} is not allowed for this key", "model_not_allowed")
            if self.model is None and path not in _BESIDE:
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


def _disguised(event: dict[str, Any] | None, paths: Iterable[Path]) -> str | None:
    """Why some servers may read another model than stands at these paths: there are some that do not heed the case of names (Go's JSON)."""
    for path in (("type",), *paths):
        node: Any = event
        for name in path:
            if not isinstance(node, dict):
                break
            twin = next((key for key in node if key != name and key.casefold() == name), None)
            if twin is not None:
                return f"this message cannot be checked: {twin[:40]!r} may be read as {name!r}"
            node = node.get(name)
    return None


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
