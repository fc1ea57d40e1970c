"""Token and time usage in one shape, whatever a provider calls it."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import fields
from typing import Any
from typing import Final


@dataclass(frozen=True, slots=True)
class Usage:
    """Counts of one billable event, or a sum of them.

    `input_*` of a modality include what was cached; `cached_*` say how much of it. `reasoning` is part of
    `output_text`, never on top. `seconds` is what the provider reported, `characters` and `messages` likewise.
    """

    total_tokens: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    input_text: int = 0
    input_audio: int = 0
    input_image: int = 0
    cached_text: int = 0
    cached_audio: int = 0
    cached_image: int = 0
    output_text: int = 0
    output_audio: int = 0
    reasoning: int = 0
    seconds: float = 0.0
    characters: int = 0
    messages: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(*(getattr(self, name) + getattr(other, name) for name in NAMES))

    def __bool__(self) -> bool:
        return any(getattr(self, name) for name in NAMES)

    def record(self) -> dict[str, int | float]:
        """The record's form: the three totals always, the rest where not zero."""
        return {name: value for name in NAMES if (value := getattr(self, name)) or name in _TOTALS}


NAMES = tuple(f.name for f in fields(Usage))
_TOTALS = ("total_tokens", "input_tokens", "output_tokens")

_MOST_TOKENS: Final = 1 << 48
_MOST_SECONDS: Final = 1e9

_TOTAL = ("total_tokens", "totalTokenCount")
_INPUT = ("input_tokens", "prompt_tokens", "promptTokenCount")
_OUTPUT = ("output_tokens", "completion_tokens", "responseTokenCount", "candidatesTokenCount")
_CACHED = ("cached_tokens", "cachedContentTokenCount")
_SECONDS = ("seconds", "billable_audio_seconds")
_INPUT_DETAILS = (
    "input_token_details",
    "input_tokens_details",
    "prompt_token_details",
    "prompt_tokens_details",
    "promptTokensDetails",
)
_OUTPUT_DETAILS = (
    "output_token_details",
    "output_tokens_details",
    "completion_token_details",
    "completion_tokens_details",
    "responseTokensDetails",
    "candidatesTokensDetails",
)
_CACHED_DETAILS = ("cached_tokens_details", "cached_token_details", "cacheTokensDetails")

_MODALITIES: Final = {
    "text_tokens": "text",
    "grok_tokens": "text",
    "audio_tokens": "audio",
    "image_tokens": "image",
    "video_tokens": "image",
    "TEXT": "text",
    "DOCUMENT": "text",
    "AUDIO": "audio",
    "IMAGE": "image",
    "VIDEO": "image",
}
"""A detail's name to the kind it counts as: images and video share one price, xAI's `grok_tokens` are text."""

Fields = Mapping[str, Any]


def read_usage(event: Fields) -> Usage | None:
    """The usage of one event, or None where it reports none (`{}` and null are none; zeros are a report of zero).

    Looked for in `response.usage`, `usage`, `usageMetadata`, in this order; the first that is not empty counts.
    """
    response = event.get("response")
    places = (response.get("usage") if isinstance(response, dict) else None, event.get("usage"), event.get("usageMetadata"))
    read = [usage for place in places if isinstance(place, dict) and (usage := usage_of(place)) is not None]
    return next(filter(None, read), read[0] if read else None)


def usage_of(reported: Fields) -> Usage | None:
    """One usage object in any spelling of `providers`; None when no number in it can be used.

    Negative, absurd, fractional (tokens) and boolean values count as absent. Cached and reasoning tokens are parts
    of input and output; Gemini's `thoughtsTokenCount` and `toolUsePromptTokenCount` are on top and are added here.
    """
    read_in, read_out, total = (_count(reported, names) for names in (_INPUT, _OUTPUT, _TOTAL))
    seconds = _seconds(reported)
    characters = _count(reported, ("characters",))
    if all(value is None for value in (read_in, read_out, total, seconds, characters)):
        return None
    thoughts = _count(reported, ("thoughtsTokenCount",)) or 0
    tokens_in = (read_in or 0) + (_count(reported, ("toolUsePromptTokenCount",)) or 0)
    tokens_out = (read_out or 0) + thoughts
    given = _input(reported, tokens_in) | _output(reported, tokens_out, thoughts)
    return Usage(
        total_tokens=tokens_in + tokens_out if total is None else total,
        input_tokens=tokens_in,
        output_tokens=tokens_out,
        seconds=seconds or 0.0,
        characters=characters or 0,
        **given,
    )


def _input(reported: Fields, tokens: int) -> dict[str, int]:
    details = _first(reported, _INPUT_DETAILS)
    parts = _parts(details, tokens)
    for kind, count in _parts(reported.get("toolUsePromptTokensDetails"), 0).items():
        parts[kind] = parts.get(kind, 0) + count
    holder = details if isinstance(details, dict) and not details.keys().isdisjoint(_CACHED + _CACHED_DETAILS) else reported
    cached = _cached(holder, parts, tokens)
    return {f"input_{kind}": count for kind, count in parts.items()} | {f"cached_{kind}": count for kind, count in cached.items()}


def _output(reported: Fields, tokens: int, thoughts: int) -> dict[str, int]:
    details = _first(reported, _OUTPUT_DETAILS)
    parts = _parts(details, tokens - thoughts)
    inside = _count(details, ("reasoning_tokens",)) if isinstance(details, dict) else None
    reasoning = thoughts or inside or 0
    text, audio = parts.get("text", 0), parts.get("audio", 0)
    if parts and text + audio + reasoning <= tokens:
        text += reasoning
    return {"output_text": text, "output_audio": audio, "reasoning": min(reasoning, tokens)}


def _parts(details: object, tokens: int) -> dict[str, int]:
    """Counts by kind. What the details leave unnamed is text where they say nothing of text; no details, no kinds."""
    parts: dict[str, int] = {}
    for name, count in _entries(details):
        if (kind := _MODALITIES.get(name)) is not None:
            parts[kind] = parts.get(kind, 0) + count
    if isinstance(details, dict | list) and details and "text" not in parts:
        parts["text"] = max(0, tokens - sum(parts.values()))
    return parts


def _entries(details: object) -> Iterable[tuple[str, int]]:
    """Name and count of each detail, of an object `{text_tokens: n}` or of Gemini's list `[{modality, tokenCount}]`."""
    if isinstance(details, dict):
        named = [(name, details, name) for name in details]
    elif isinstance(details, list):
        named = [(item.get("modality"), item, "tokenCount") for item in details if isinstance(item, dict)]
    else:
        return
    for name, holder, key in named:
        count = _count(holder, (key,))
        if isinstance(name, str) and count is not None:
            yield name, count


def _cached(holder: Fields, parts: dict[str, int], tokens: int) -> dict[str, int]:
    """Cached tokens by kind, never more than that kind's input. A bare number is text first, then audio, then image."""
    total = min(_count(holder, _CACHED) or 0, tokens)
    named = _parts(_first(holder, _CACHED_DETAILS), 0)
    if any(named.values()):
        return {kind: min(count, parts[kind]) if parts else count for kind, count in named.items() if not parts or kind in parts}
    shares: dict[str, int] = {} if parts else {"text": total}
    for kind in ("text", "audio", "image") if parts else ():
        shares[kind] = min(total, parts.get(kind, 0))
        total -= shares[kind]
    return shares


def _first(reported: Fields, names: Iterable[str]) -> object:
    return next((value for name in names if isinstance(value := reported.get(name), dict | list)), None)


def _count(reported: Fields, names: Iterable[str]) -> int | None:
    """The first usable count; `type(value) is int` leaves booleans out."""
    return next((value for name in names if type(value := reported.get(name)) is int and 0 <= value <= _MOST_TOKENS), None)


def _seconds(reported: Fields) -> float | None:
    numbers = (value for name in _SECONDS if isinstance(value := reported.get(name), int | float) and not isinstance(value, bool))
    return next((float(value) for value in numbers if 0 <= value <= _MOST_SECONDS), None)
