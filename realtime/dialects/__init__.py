"""Every dialect by name, and which one a provider's first frame gives away. Adding one is one file and one row here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from typing import Final

from realtime.dialects.base import Dialect
from realtime.dialects.elevenlabs import ElevenLabs
from realtime.dialects.gemini import Gemini
from realtime.dialects.openai import OpenAI
from realtime.dialects.openai_live import OpenAILive
from realtime.dialects.openai_translation import OpenAITranslation
from realtime.dialects.vllm import VLLM
from realtime.frame import Frame

__all__ = ["NAMES", "Dialect", "detect", "make"]

_MADE: Final[dict[str, Callable[[], Dialect]]] = {
    made.name: made for made in (OpenAI, OpenAILive, OpenAITranslation, Gemini, ElevenLabs, VLLM)
}
NAMES: Final = tuple(_MADE)


def make(name: str) -> Dialect:
    """A fresh dialect for one session. Raises `KeyError` for a name that is not in `NAMES`."""
    return _MADE[name]()


def detect(frame: Frame) -> str | None:
    """The dialect that a provider's first frame is written in, None where it does not say (an error, something unknown)."""
    event = frame.event
    if event is None:
        return None
    if "setupComplete" in event or "setup_complete" in event:
        return "gemini"
    first = _FIRST.get(frame.type)
    return first(event) if first else None


def _of_session(event: dict[str, Any]) -> str:
    """`session.created` opens three dialects: vLLM puts a time beside the type, a translation session says so itself."""
    session = event.get("session")
    if not isinstance(session, dict):
        return "vllm" if type(event.get("created")) is int else "openai"
    return "openai-translation" if session.get("type") == "translation" else "openai"


_FIRST: Final[dict[str, Callable[[dict[str, Any]], str]]] = {
    "session.created": _of_session,
    "transcription_session.created": lambda event: "openai",
    "conversation.created": lambda event: "openai",
    "session.started": lambda event: "openai-live",
    "conversation_initiation_metadata": lambda event: "elevenlabs",
}
