"""Token arithmetic of the GA server: 1 token per 100 ms of user audio, 1 per 50 ms of assistant audio, about 4 letters a text token.

The input of a response is the whole conversation again, so it grows; what the last response already read counts as cached.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from typing import Final

_OUTPUT_TOKEN_MS: Final = 50
_CACHE_STEP: Final = 64
"""Prompt caches match in steps; anything shorter is read anew."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """Text and audio tokens of one direction."""

    text: int = 0
    audio: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.text + self.audio

    def __add__(self, other: Tokens) -> Tokens:
        return Tokens(self.text + other.text, self.audio + other.audio)


def text_tokens(text: str) -> int:
    """About what a tokenizer would count; 0 for nothing."""
    return (len(text) + 3) // 4


def spoken_tokens(milliseconds: int) -> int:
    """Of assistant audio."""
    return -(-milliseconds // _OUTPUT_TOKEN_MS)


def cached_part(read_before: Tokens, read_now: Tokens) -> Tokens:
    """How much of `read_now` the cache still had."""
    text = min(read_before.text, read_now.text) // _CACHE_STEP * _CACHE_STEP
    audio = min(read_before.audio, read_now.audio) // _CACHE_STEP * _CACHE_STEP
    return Tokens(text, audio)


def response_usage(read: Tokens, cached: Tokens, made: Tokens) -> dict[str, Any]:
    """The `usage` of `response.done`; `read` includes `cached`."""
    return {
        "total_tokens": read.total + made.total,
        "input_tokens": read.total,
        "output_tokens": made.total,
        "input_token_details": {
            "text_tokens": read.text,
            "audio_tokens": read.audio,
            "image_tokens": 0,
            "cached_tokens": cached.total,
            "cached_tokens_details": {"text_tokens": cached.text, "audio_tokens": cached.audio, "image_tokens": 0},
        },
        "output_token_details": {"text_tokens": made.text, "audio_tokens": made.audio},
    }


def transcription_usage(model: str, milliseconds: int, transcript: str) -> dict[str, Any]:
    """The `usage` of a transcript: seconds from whisper models, which are sold by the minute, tokens from all others."""
    if "whisper" in model:
        return {"type": "duration", "seconds": milliseconds / 1000}
    heard, written = max(1, milliseconds // 100), text_tokens(transcript)
    return {
        "type": "tokens",
        "input_tokens": heard,
        "output_tokens": written,
        "total_tokens": heard + written,
        "input_token_details": {"audio_tokens": heard, "text_tokens": 0},
    }
