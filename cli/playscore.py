"""How an app did its part of a play: what it said as recorded, what otherwise, what not at all."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field
from typing import Final

from cli.playlines import AppLine
from cli.playmatch import Difference

_MOST_TOLD: Final = 100
"""Messages of a kind that a report tells of; more are counted."""


@dataclass(frozen=True, slots=True)
class Other:
    """A message that is not what was recorded. `line` is the recorded one that comes nearest, None where there is none of its kind."""

    kind: str
    line: int | None
    nearest: str | None
    differences: tuple[Difference, ...] = ()

    def __str__(self) -> str:
        if self.nearest is None:
            return f"{self.kind} came, of which no more is recorded"
        if self.kind != self.nearest:
            return f"{self.kind} came where message {self.line}, {self.nearest}, is recorded"
        place = self.differences[0]
        return f"{self.kind}: {place.path} is {place.seen}, recorded (message {self.line}) is {place.recorded}"


@dataclass(slots=True)
class Score:
    """What an app did and did not do. Lists are cut at 100, numbers are not."""

    matched: int = 0
    differing: list[Other] = field(default_factory=list)
    unexpected: list[Other] = field(default_factory=list)
    missing: list[AppLine] = field(default_factory=list)
    n_differing: int = 0
    n_unexpected: int = 0
    swapped: int = 0
    """Messages that came after one that is recorded after them."""
    heard: int = 0
    """Bytes of sound; `short` of those that were recorded were not waited for."""
    short: int = 0
    said: int = 0
    unsaid: int = 0
    refused: str | None = None

    def differs(self, other: Other) -> None:
        """A message was taken for a recorded one although it is not the same."""
        self.n_differing += 1
        _note(self.differing, other)

    def surprises(self, other: Other) -> None:
        """A message came of which nothing is recorded."""
        self.n_unexpected += 1
        _note(self.unexpected, other)


def _note(told: list[Other], other: Other) -> None:
    if len(told) < _MOST_TOLD:
        told.append(other)
