"""What a detector is: a name, the forms its values are written in, and how much of a text one value can take."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal
from typing import Protocol

from realtime.detectors.view import View
from realtime.regex import Regex

Confidence = Literal["high", "medium", "low"]
"""high: check digits or an unmistakable shape; medium: a shape with words around it; low: words or grouping alone."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One value found; `start` and `end` are characters of the text."""

    detector: str
    start: int
    end: int


class Form(Protocol):
    """One way in which a value is written."""

    @property
    def candidates(self) -> tuple[Regex, ...] | None:
        """Patterns of which one matches wherever there is such a value; None where no patterns can say that."""
        ...

    def spans(self, view: View) -> Iterator[tuple[int, int]]:
        """Start and end of each value in the characters of `view.text`."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Detector:
    """One kind of value. `longest` is the most characters one can take, spelled out where `spoken` says that it is looked for so.

    A text without any of `marks` holds none, and neither does one without a digit where `digits` is set.
    """

    id: str
    title: str
    confidence: Confidence
    forms: tuple[Form, ...]
    longest: int
    spoken: bool = False
    marks: tuple[str, ...] = ()
    digits: bool = False

    def spans(self, view: View) -> Iterator[tuple[int, int]]:
        """Start and end of each value in the original text of `view`, form after form."""
        if self._impossible(view):
            return
        for form in self.forms:
            yield from filter(self._fits, (view.original(start, end) for start, end in form.spans(view)))

    def _fits(self, span: tuple[int, int]) -> bool:
        """Whether a value takes no more than a reader of a stream keeps; a key has no end of its own and is found whole all the same."""
        return not self.spoken or span[1] - span[0] <= self.longest

    def _impossible(self, view: View) -> bool:
        if self.digits and not view.has_digits:
            return True
        for mark in self.marks:
            if mark in view.text:
                return False
        return bool(self.marks)
