"""A text as detectors read it, some of its words perhaps replaced by what they stand for, with the way back to the original."""

from __future__ import annotations

import re
from bisect import bisect_left
from bisect import bisect_right
from collections.abc import Callable
from collections.abc import Container
from collections.abc import Sequence
from typing import Final
from typing import NamedTuple
from typing import Protocol

from realtime.regex import Regex

BEFORE: Final = 80
"""Characters before a value in which a word may say what it is."""
AFTER: Final = 40
"""Characters behind a value in which a word may say what it is."""
_DENIAL: Final = 40
_DIGIT: Final = re.compile("[0-9]")
_POINTS: Final = ".,"
_UNSPACED: Final = "\u2e80"
"""The first character of the scripts of East Asia, where words and numbers follow each other without a space."""


class Piece(NamedTuple):
    """The characters `start` to `end` of the original, read as `text`; `said` where that is not what stands there."""

    text: str
    start: int
    end: int
    said: bool = True


class Rules(Protocol):
    """Knows patterns, and which of them may match in a text."""

    def knows(self, seeker: Regex, /) -> bool: ...
    def left(self, text: str, /) -> Container[Regex]: ...


class Row(NamedTuple):
    """Characters of a text that count, at `places`. `begins` are the numbers of those with which a value can begin.

    `ends` has, by how many characters come before it, where one can end.
    """

    places: list[int]
    begins: list[int]
    ends: dict[int, int]


class View:
    """One reading of a text. Regular expressions run once over it, however many detectors ask."""

    __slots__ = ("_denied", "_left", "_origins", "_places", "_rows", "_seams", "_spans", "has_digits", "said", "sieve", "text")

    def __init__(self, text: str, pieces: Sequence[Piece] = ()) -> None:
        """`pieces` in the order of the text, not overlapping; the rest is read as it stands."""
        self._places: list[int] = []
        self._origins: list[Piece] = []
        self._seams: set[int] = set()
        self._spans: dict[Regex, list[tuple[int, int]]] = {}
        self._rows: dict[tuple[int, int, Callable[[str], bool]], Row] = {}
        self._denied: dict[tuple[Regex, int], bool] = {}
        self._left: Container[Regex] | None = None
        self.sieve: Rules | None = None
        """Says which patterns cannot match."""
        self.said = bool(pieces)
        self.text = self._read(text, pieces) if pieces else text
        self.has_digits = _DIGIT.search(self.text) is not None

    def _read(self, text: str, pieces: Sequence[Piece]) -> str:
        made: list[str] = []
        length = done = 0
        for piece in (*pieces, Piece("", len(text), len(text))):
            for part in (Piece(text[done : piece.start], done, piece.start, said=False), piece):
                if part.text:
                    self._places.append(length)
                    self._origins.append(part)
                    self._seams.add(length)
                    made.append(part.text)
                    length += len(part.text)
            done = piece.end
        return "".join(made)

    def original(self, start: int, end: int) -> tuple[int, int]:
        """The characters of the original that `start` to `end` of this reading stand for, whole words where words were replaced."""
        if not self.said:
            return start, end
        return self._origin(start)[0], self._origin(end - 1)[1]

    def _origin(self, place: int) -> tuple[int, int]:
        at = bisect_right(self._places, place) - 1
        part = self._origins[at]
        if part.said:
            return part.start, part.end
        first = part.start + place - self._places[at]
        return first, first + 1

    def parted(self, place: int) -> bool:
        """Whether a number can begin or end at `place`: no letter, digit or decimal point goes on there; words that were said part."""
        text = self.text
        if place in (0, len(text)) or place in self._seams:
            return True
        before, after = text[place - 1], text[place]
        if before.isalnum() and after.isalnum():
            return max(before, after) >= _UNSPACED
        if before in _POINTS and after.isdecimal():
            return not text[max(place - 2, 0)].isdecimal()
        return not (after in _POINTS and before.isdecimal() and text[place + 1 : place + 2].isdecimal())

    def row(self, start: int, end: int, counted: Callable[[str], bool]) -> Row:
        """The characters from `start` to `end` that are `counted`."""
        found = self._rows.get((start, end, counted))
        if found is None:
            places = [place for place in range(start, end) if counted(self.text[place])]
            begins = [number for number, place in enumerate(places) if self.parted(place)]
            ends = {number: place + 1 for number, place in enumerate(places, 1) if self.parted(place + 1)}
            found = self._rows[start, end, counted] = Row(places, begins, ends)
        return found

    def spans(self, regex: Regex) -> list[tuple[int, int]]:
        """Every match of `regex`, left to right."""
        found = self._spans.get(regex)
        if found is None:
            found = self._spans[regex] = list(regex.spans(self.text)) if self._possible(regex) else []
        return found

    def _possible(self, regex: Regex) -> bool:
        if self.sieve is None or not self.sieve.knows(regex):
            return True
        if self._left is None:
            self._left = self.sieve.left(self.text)
        return regex in self._left

    def near(self, words: Regex, start: int, end: int) -> bool:
        """Whether a match of `words` stands close to `start` to `end`."""
        found = self.spans(words)
        last = bisect_left(found, (end + AFTER, 0)) - 1
        return last >= 0 and found[last][1] > start - BEFORE

    def denied(self, words: Regex, start: int) -> bool:
        """Whether `words`, which ends with `$`, matches what stands right before `start`."""
        found = self._denied.get((words, start))
        if found is None:
            found = self._denied[words, start] = words.search(self.text[max(0, start - _DENIAL) : start])
        return found
