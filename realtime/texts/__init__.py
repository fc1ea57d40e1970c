"""Where the words of an event are, in every dialect: tables from event type to text slots, one per dialect and direction.

A type that holds no words costs one look-up. What a frame holds makes nothing raise; a value of the wrong type is no text.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from realtime.frame import Frame
from realtime.jsonpath import Member
from realtime.jsonpath import Path
from realtime.jsonpath import compile_path
from realtime.jsonpath import locate
from realtime.texts import elevenlabs
from realtime.texts import gemini
from realtime.texts import openai
from realtime.texts.slot import KINDS
from realtime.texts.slot import Kind
from realtime.texts.slot import Slots
from realtime.texts.slot import Stream
from realtime.texts.slot import Table
from realtime.texts.slot import Text
from realtime.texts.slot import gather
from realtime.texts.slot import is_sound
from realtime.texts.slot import owner_of
from realtime.texts.slot import slots
from realtime.texts.slot import streamed

__all__ = ["KINDS", "SOUND", "Kind", "Stream", "Text", "ended", "has_words", "is_sound", "may_end", "owner_of", "server_types", "texts"]

_VLLM: Final[Table] = {
    "transcription.delta": slots(("$.delta", streamed("user_transcript", "delta"))),
    "transcription.done": slots(("$.text", streamed("user_transcript", "final"))),
}

_NONE: Final[Slots] = ()
_OPENAI: Final = (openai.FROM_SERVER, openai.FROM_CLIENT)
_TABLES: Final[dict[str, tuple[Table, Table]]] = {
    "openai": _OPENAI,
    "openai-live": _OPENAI,
    "openai-translation": _OPENAI,
    "gemini": (gemini.FROM_SERVER, gemini.FROM_CLIENT),
    "elevenlabs": (elevenlabs.FROM_SERVER, elevenlabs.FROM_CLIENT),
    "vllm": (_VLLM, {"session.update": openai.FROM_CLIENT["session.update"]}),
}
"""By dialect: what the server says and what the client says. The OpenAI protocols share one table: their types do not clash."""

SOUND: Final = frozenset(
    (
        "input_audio_buffer.append",
        "input_image_buffer.append",
        "input_audio.turn.append",
        "response.output_audio.delta",
        "response.audio.delta",
        "session.input_audio.append",
        "session.input_audio_buffer.append",
        "session.output_audio.delta",
    )
)
"""Types of events that are sound, or a picture, and nothing else."""


def texts(dialect: str, frame: Frame) -> tuple[Text, ...]:
    """The texts of a message, in the order of the dialect's table. Raises KeyError for a dialect that does not exist."""
    found = _TABLES[dialect][frame.from_client].get(frame.type, _NONE)
    if not found or (event := frame.event) is None:
        return ()
    if len(found) == 1 and len(found[0].path) == 1 and isinstance(member := found[0].path[0], Member):
        return tuple(found[0].read(event[member.name], (member.name,), event)) if member.name in event else ()
    return tuple(gather(found, event))


def has_words(dialect: str, from_client: bool, event_type: str) -> bool:
    """Whether messages of this type may hold words."""
    return event_type in _TABLES[dialect][from_client]


def may_end(dialect: str, from_client: bool, event_type: str) -> bool:
    """Whether messages of this type may end an answer."""
    return not from_client and event_type in _ENDS[dialect]


def server_types(dialect: str) -> Collection[str]:
    """The types of a server's messages that hold words."""
    return _TABLES[dialect][False].keys()


def ended(dialect: str, frame: Frame) -> tuple[str | None] | None:
    """The answer that a server's message ends, as a tuple of its id (None: the one that is open); None where it ends none."""
    marks = _ENDS[dialect].get(frame.type)
    if marks is None or frame.from_client or (event := frame.event) is None:
        return None
    return (owner_of(event),) if any(seen for mark in marks for _, seen in locate(mark, event)) else None


_GEMINI_ENDS: Final = ("serverContent.turnComplete", "serverContent.generationComplete", "serverContent.interrupted", "toolCall")
_GEMINI_SNAKE: Final = ("server_content.turn_complete", "server_content.generation_complete", "server_content.interrupted", "tool_call")
_Ends = dict[str, tuple[Path, ...]]
_ALWAYS: Final[tuple[Path, ...]] = (compile_path("$.type"),)
_OPENAI_ENDS: Final[_Ends] = dict.fromkeys(("response.done", "session.closed", "session.finished"), _ALWAYS)
_ENDS: Final[dict[str, _Ends]] = {
    "openai": _OPENAI_ENDS,
    "openai-live": _OPENAI_ENDS,
    "openai-translation": _OPENAI_ENDS,
    "gemini": {"": tuple(compile_path(f"$.{path}") for path in (*_GEMINI_ENDS, *_GEMINI_SNAKE))},
    "elevenlabs": dict.fromkeys(("agent_response_complete", "interruption", "agent_response_correction", "user_transcript"), _ALWAYS),
    "vllm": {"transcription.done": _ALWAYS},
}
"""By dialect and type: where something stands that is true when an answer ends with this message."""
