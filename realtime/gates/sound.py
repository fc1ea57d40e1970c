"""What is left of a message when its sound may not cross."""

from __future__ import annotations

from typing import Any
from typing import Final

from realtime.dialects import make
from realtime.dialects.fields import Fields
from realtime.dialects.fields import obj
from realtime.frame import Frame
from realtime.jsonedit import replace_value
from realtime.signals import AudioOut

_CONTENT: Final = ("serverContent", "server_content")
_TURN: Final = ("modelTurn", "model_turn")
_BLOB: Final = ("inlineData", "inline_data")


def without_sound(dialect: str, frame: Frame) -> bytes | None:
    """The message without its sound; None where it is nothing else. Gemini alone puts other facts beside it."""
    event = frame.event
    if dialect != "gemini" or event is None:
        return None
    for content_name, turn_name in ((content, turn) for content in _CONTENT for turn in _TURN):
        content = obj(event, content_name)
        parts = obj(content, turn_name).get("parts")
        if isinstance(parts, list):
            kept = [part for part in parts if not _is_blob(part)]
            more = len(event) > 1 or len(content) > 1 or bool(kept)
            return replace_value(frame.payload, (content_name, turn_name, "parts"), kept) if more else None
    return None


def has_sound(dialect: str, frame: Frame) -> bool:
    """Whether a message of the provider carries sound."""
    return any(isinstance(signal, AudioOut) for signal in make(dialect).signals(frame))


def _is_blob(part: Any) -> bool:
    fields: Fields = part if isinstance(part, dict) else {}
    return any(name in fields for name in _BLOB)
