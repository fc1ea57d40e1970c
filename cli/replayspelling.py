"""How each dialect spells what a replay says by itself or says otherwise: sound, results, requests, the model, the voice, instructions.

The shapes are those of docs/dialects.md; none was ever sent to a live provider by this project.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from typing import Any
from typing import Final

from realtime.audio import AudioFormat
from realtime.signals import ToolCall

Event = dict[str, Any]
Path = tuple[str, ...]

_QUIET: Final = {"pcm16": b"\0\0", "pcmu": b"\xff", "pcma": b"\xd5"}
"""A sample of silence."""


@dataclass(frozen=True, slots=True)
class Spelling:
    """One dialect. `opening` is a configuration for where the recording has none; paths are from the root of a message.

    `types` are those of such messages, none where messages have no type; `root` is where its settings are, "" for all over it.
    `request` asks for the answer to results, None where it follows by itself.
    """

    sound: Callable[[str, AudioFormat], Event]
    opening: Event
    types: tuple[str, ...] = ("session.update",)
    root: str = "session"
    model: tuple[Path, ...] = (("session", "model"), ("response", "model"))
    voice: tuple[Path, ...] = ()
    instructions: Path | None = None
    words: Callable[[str], object] = str
    result: Callable[[ToolCall, str], Event] | None = None
    request: Event | None = None
    url_model: bool = True
    """Whether the model stands in the URL; else a message names it."""
    tells_speech: bool = True
    """Whether the provider says what it hears, so that its silence means that there was nothing to hear."""
    answers: bool = True
    """Whether there are answers, which call tools or end without."""
    resumes: bool = False
    """Whether a call ends an answer that goes on as another one after the result, without a request."""
    automatic: Mapping[str, tuple[str, Callable[[Event], Event]]] = field(default_factory=dict)
    """By the type of a provider's message the type of what the app answers at once, which is never taken from the recording, and that."""

    def is_config(self, event: Event) -> bool:
        """Whether a message of the client configures the session."""
        return event.get("type", "") in self.types if self.types else self.root in event

    def quiet(self, form: AudioFormat) -> bytes:
        """A sample of silence; nothing for a format that has no fixed size."""
        return _QUIET.get(form.encoding, b"") * form.channels

    def silence(self, form: AudioFormat, milliseconds: int) -> bytes | None:
        """A message with silence; None for a format that has no fixed size."""
        quiet = self.quiet(form) * (form.rate * milliseconds // 1000)
        return encoded(self.sound(b64encode(quiet).decode(), form)) if quiet else None


def encoded(event: Event) -> bytes:
    """As a client sends it."""
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


def put(event: Event, path: Path, value: object) -> None:
    """Set what stands at a path, with the objects that lead there."""
    for name in path[:-1]:
        found = event.get(name)
        event[name] = event = found if isinstance(found, dict) else {}
    event[path[-1]] = value


def _result(call: ToolCall, output: str) -> Event:
    return {"type": "conversation.item.create", "item": {"type": "function_call_output", "call_id": call.call_id, "output": output}}


def _live_result(call: ToolCall, output: str) -> Event:
    return {"type": "response.item.create", "item": _result(call, output)["item"]}


def _gemini_result(call: ToolCall, output: str) -> Event:
    response = {"id": call.call_id, "name": call.name, "response": json.loads(output)}
    return {"toolResponse": {"functionResponses": [response]}}


def _elevenlabs_result(call: ToolCall, output: str) -> Event:
    return {"type": "client_tool_result", "tool_call_id": call.call_id, "result": output, "is_error": True}


def _pong(event: Event) -> Event:
    return {"type": "pong", "event_id": (event.get("ping_event") or {}).get("event_id")}


def _gemini_sound(audio: str, form: AudioFormat) -> Event:
    return {"realtimeInput": {"audio": {"data": audio, "mimeType": f"audio/pcm;rate={form.rate}"}}}


_GA_VOICE: Final = ("session", "audio", "output", "voice")
_BUFFER: Final[Callable[[str, AudioFormat], Event]] = lambda audio, form: {"type": "input_audio_buffer.append", "audio": audio}  # noqa: E731

SPELLINGS: Final[dict[str, Spelling]] = {
    "openai": Spelling(
        sound=_BUFFER,
        opening={"type": "session.update", "session": {"type": "realtime"}},
        types=("session.update", "transcription_session.update"),
        voice=(_GA_VOICE, ("response", "audio", "output", "voice")),
        instructions=("session", "instructions"),
        result=_result,
        request={"type": "response.create"},
    ),
    "openai-translation": Spelling(
        sound=lambda audio, form: {"type": "session.input_audio_buffer.append", "audio": audio},
        opening={"type": "session.update", "session": {}},
        voice=(_GA_VOICE,),
    ),
    "openai-live": Spelling(
        sound=lambda audio, form: {"type": "session.input_audio.append", "audio": audio},
        opening={"type": "session.start", "session": {}},
        types=("session.start", "session.update"),
        voice=(_GA_VOICE,),
        instructions=("session", "instructions"),
        result=_live_result,
        url_model=False,
        answers=False,
        tells_speech=False,
    ),
    "gemini": Spelling(
        sound=_gemini_sound,
        opening={"setup": {}},
        types=(),
        root="setup",
        model=(("setup", "model"),),
        voice=(("setup", "generationConfig", "speechConfig", "voiceConfig", "prebuiltVoiceConfig", "voiceName"),),
        instructions=("setup", "systemInstruction"),
        words=lambda text: {"parts": [{"text": text}]},
        result=_gemini_result,
        url_model=False,
        tells_speech=False,
        resumes=True,
    ),
    "elevenlabs": Spelling(
        sound=lambda audio, form: {"user_audio_chunk": audio},
        opening={"type": "conversation_initiation_client_data"},
        types=("conversation_initiation_client_data",),
        root="",
        model=(),
        voice=(("conversation_config_override", "tts", "voice_id"),),
        instructions=("conversation_config_override", "agent", "prompt", "prompt"),
        result=_elevenlabs_result,
        url_model=False,
        tells_speech=False,
        automatic={"ping": ("pong", _pong)},
    ),
    "vllm": Spelling(
        sound=_BUFFER,
        opening={"type": "session.update"},
        root="",
        model=(("model",), ("session", "model")),
        url_model=False,
    ),
}
"""By the name of the dialect."""

FLAT_VOICE: Final[tuple[Path, ...]] = (("session", "voice"), ("response", "voice"))
"""Where clients of the OpenAI family that write beta names have it."""
