"""The shapes that values have: a pattern, digits in groups, letters and digits in groups. Each in time linear in the text."""

from __future__ import annotations

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

    def fits(self, view: View, start: int, end: int) -> bool:
        """Whether the words around `start` to `end` allow a value there."""
        if self.context is not None and not view.near(self.context, start, end):
            return False
        return self.unless is None or not view.denied(self.unless, start)


ANYWHERE: Final = Around()


@dataclass(frozen=True, slots=True)
class Pattern:
    """A value that is the whole of what a pattern matches."""

    candidate: Regex
    check: Check = always
    around: Around = ANYWHERE

    def spans(self, view: View) -> Iterator[tuple[int, int]]:
        """As `Form.spans`."""
        if self.around.context is not None and not view.spans(self.around.context):
            return
        for start, end in view.spans(self.candidate):
            if self.check(view.text[start:end]) and self.around.fits(view, start, end):
                yield start, end


RUN: Final = Regex(r"[0-9](?:[ ,.()/-]{0,3}[0-9]){6,}")
"""Seven digits or more with little between them."""
_STRAY: Final = 2
"""Digits of other words that may stand beside a dictated number: "one moment"."""


@dataclass(frozen=True, slots=True)
class Digits:
    """A number of so many digits inside a run of digits: it begins and ends where a group does. `lengths` in the order of preference.

    With `dictated` only numbers count that were said digit by digit or in words, and that are most of their run.
    """

    lengths: tuple[int, ...]
    check: Check
    around: Around = ANYWHERE
    dictated: bool = False

    def spans(self, view: View) -> Iterator[tuple[int, int]]:
        """As `Form.spans`."""
        if self.around.context is not None and not view.spans(self.around.context):
            return
        for start, end in view.spans(RUN):
            if self.dictated and len(digits_of(view.text[start:end])) > max(self.lengths) + _STRAY:
                continue
            yield from windows(view, start, end, self.lengths, str.isdecimal, self._fits)

    def _fits(self, view: View, start: int, end: int) -> bool:
        if self.dictated and not (view.said or one_by_one(view.text[start:end])):
            return False
        return self.check(view.text[start:end]) and self.around.fits(view, start, end)


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
) -> Iterator[tuple[int, int]]:
    """The parts of `start` to `end` that have one of `lengths` characters that are `counted`, begin and end with a group and fit."""
    places = [place for place in range(start, end) if counted(view.text[place])]
    ends = {number for number, place in enumerate(places, 1) if view.parted(place + 1)}
    free = 0
    for first, place in enumerate(places):
        if first < free or not view.parted(place):
            continue
        for length in lengths:
            if first + length in ends and fits(view, place, places[first + length - 1] + 1):
                yield place, places[first + length - 1] + 1
                free = first + length
                break
