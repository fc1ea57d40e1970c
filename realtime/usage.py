"""Token and time usage in one shape, whatever a provider calls it."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import fields


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
