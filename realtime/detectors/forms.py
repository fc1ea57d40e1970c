"""The shapes that values have: a pattern, digits in groups, letters and digits in groups. Each in time linear in the text."""

from __future__ import annotations

import re
from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from realtime.detectors.view import View
from realtime.regex import Regex

Check = Callable[[str], bool]
"""Says of the characters found, separators and all, whether they are such a value."""


def always(_: str) -> bool:
    """The check of values that have nothing to check."""
    return True


def digits_of(text: str) -> str:
    """The decimal digits of `text`."""
    return "".join(filter(str.isdecimal, text))


def words(*alternatives: str) -> Regex:
    """Any of these words or patterns, in any case, from one word boundary to the next."""
    return Regex(rf"(?i)\b(?:{'|'.join(alternatives)})\b")


@dataclass(frozen=True, slots=True)
class Around:
    """What has to stand near a value, and what must not stand right before it."""

    context: Regex | None = None
    unless: Regex | None = None

    def possible(self, view: View) -> bool:
        """Whether the text has a word that names such a value at all."""
        return self.context is None or bool(view.spans(self.context))

    def named(self, view: View, start: int, end: int) -> bool:
        """Whether a word near `start` to `end` names the value there, if one has to."""
        return self.context is None or view.near(self.context, start, end)

    def denied(self, view: View, start: int) -> bool:
        """Whether the words right before `start` name something else."""
        return self.unless is not None and view.denied(self.unless, start)


ANYWHERE: Final = Around()
_ANYTHING: Final = re.compile("")


@dataclass(frozen=True, slots=True)
class Pattern:
    """A value that is the whole of what a pattern matches."""

    candidate: Regex
    check: Check = always
    around: Around = ANYWHERE

    @property
    def candidates(self) -> tuple[Regex, ...]:
        """As `Form.candidates`."""
        return (self.candidate,)

    def spans(self, view: View) -> Iterator[tuple[int, int]]:
        """As `Form.spans`."""
        if not self.around.possible(view):
            return
        for start, end in view.spans(self.candidate):
            if self.around.named(view, start, end) and self.check(view.text[start:end]) and not self.around.denied(view, start):
                yield start, end


RUN: Final = Regex(r"[0-9](?:[ ,.()/-]{0,3}[0-9]){6,}")
"""Seven digits or more with little between them."""
_THOUSANDS: Final = re.compile(r"[0-9]{2},[0-9]|[0-9],[0-9]{2}")
_STRAY: Final = 2
"""Digits of other words that may stand beside a number: "one moment"."""


@dataclass(frozen=True, slots=True)
class Digits:
    """A number of so many digits inside a run of digits: it begins and ends where a group does. `lengths` in the order of preference.

    With `whole` only numbers count that are most of their run, with `dictated` those that were said digit by digit or in words.
    """

    lengths: tuple[int, ...]
    check: Check
    around: Around = ANYWHERE
    whole: bool = False
    dictated: bool = False

    @property
    def candidates(self) -> tuple[Regex, ...]:
        """As `Form.candidates`."""
        return (RUN,)

    def spans(self, view: View) -> Iterator[tuple[int, int]]:
        """As `Form.spans`."""
        if not view.spans(RUN) or not self.around.possible(view):
            return
        for start, end in view.spans(RUN):
            if not self.whole or self._is_most(view, start, end):
                yield from windows(view, start, end, self.lengths, str.isdecimal, self._fits)

    def _is_most(self, view: View, start: int, end: int) -> bool:
        """Whether a run is little longer than the number, and the words before the run do not say that it is another."""
        short = len(digits_of(view.text[start:end])) <= max(self.lengths) + _STRAY
        return short and not self.around.denied(view, start)

    def _fits(self, view: View, start: int, end: int) -> bool:
        text = view.text[start:end]
        if _THOUSANDS.search(text) or (self.dictated and not (view.said or one_by_one(text))):
            return False
        return self.around.named(view, start, end) and self.check(text) and not self.around.denied(view, start)


def one_by_one(text: str) -> bool:
    """Whether every digit stands alone."""
    return not any(before.isdecimal() and after.isdecimal() for before, after in pairwise(text))


def windows(
    view: View,
    start: int,
    end: int,
    lengths: tuple[int, ...],
    counted: Callable[[str], bool],
    fits: Callable[[View, int, int], bool],
    head: re.Pattern[str] = _ANYTHING,
) -> Iterator[tuple[int, int]]:
    """The parts of `start` to `end` that have one of `lengths` characters that are `counted`, and fit.

    They begin and end with a group, and begin with a match of `head`. They may overlap: what fits by chance must not hide what is meant.
    """
    row = view.row(start, end, counted)
    for first in row.begins:
        place = row.places[first]
        if head.match(view.text, place):
            ends = (row.ends[first + length] for length in lengths if first + length in row.ends)
            last = next((end for end in ends if fits(view, place, end)), None)
            if last is not None:
                yield place, last
