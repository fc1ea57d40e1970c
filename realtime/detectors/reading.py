"""A text under the detectors: read once, written and spoken, however many rules ask."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from functools import cache

from realtime.detectors.address import addresses_said
from realtime.detectors.detector import Detector
from realtime.detectors.detector import Finding
from realtime.detectors.forms import Digits
from realtime.detectors.forms import Pattern
from realtime.detectors.plain import plain
from realtime.detectors.sieve import Sieve
from realtime.detectors.spoken import numbers_said
from realtime.detectors.table import DETECTORS
from realtime.detectors.view import View
from realtime.regex import Regex


class Reading:
    """What the detectors find in one text. Each looks once, however often it is asked for."""

    __slots__ = ("_addresses", "_found", "_numbers", "_text", "_view")

    def __init__(self, text: str) -> None:
        self._text = plain(text)
        self._view = View(self._text)
        self._view.sieve = patterns()
        self._numbers: tuple[View, ...] | None = None
        self._addresses: tuple[View, ...] | None = None
        self._found: dict[Detector, tuple[Finding, ...]] = {}

    def find(self, names: Iterable[str | Detector]) -> Iterator[Finding]:
        """What the detectors `names` find, one detector after the other, each left to right and not overlapping.

        A group stands for its members, whose ids the findings have. A word list of the rules is given as its detector.
        Raises KeyError for an unknown name.
        """
        for name in names:
            for detector in members(name):
                yield from self.of(detector)

    def of(self, detector: Detector) -> tuple[Finding, ...]:
        """What one detector finds."""
        found = self._found.get(detector)
        if found is None:
            spans = [span for view in self._views(detector) for span in detector.spans(view)]
            found = self._found[detector] = tuple(Finding(detector.id, *span) for span in _apart(spans, detector.longest))
        return found

    def _views(self, detector: Detector) -> tuple[View, ...]:
        """The readings in which it may find something."""
        if not detector.spoken:
            return (self._view,)
        if self._numbers is None:
            self._numbers = self._made(numbers_said)
        if detector.digits:
            return self._view, *self._numbers
        if self._addresses is None:
            self._addresses = self._made(addresses_said)
        return self._view, *self._numbers, *self._addresses

    def _made(self, say: Callable[[str], Iterator[View]]) -> tuple[View, ...]:
        made = tuple(say(self._text))
        for view in made:
            view.sieve = patterns()
        return made


@cache
def patterns() -> Sieve[Regex]:
    """What the detectors look for, and the words near it."""
    forms = [form for detectors in DETECTORS.values() for detector in detectors for form in detector.forms]
    near = (form.around.context for form in forms if isinstance(form, Pattern | Digits) and form.around.context is not None)
    return Sieve([*near, *(regex for form in forms for regex in form.candidates or ())], largest=None)


def _apart(spans: list[tuple[int, int]], longest: int) -> list[tuple[int, int]]:
    """`spans` in order; those that overlap become one, or follow each other where one would be too long."""
    made: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if not made or start >= made[-1][1]:
            made.append((start, end))
        elif end > made[-1][1]:
            whole = end - made[-1][0] <= longest
            made[-1:] = [(made[-1][0], end)] if whole else [made[-1], (made[-1][1], end)]
    return made


def members(name: str | Detector) -> tuple[Detector, ...]:
    """The detectors that a name stands for. Raises KeyError for an unknown one."""
    return DETECTORS[name] if isinstance(name, str) else (name,)


def find(text: str, names: Iterable[str | Detector]) -> Iterator[Finding]:
    """As `Reading(text).find(names)`."""
    return Reading(text).find(names)


def longest(names: Iterable[str | Detector]) -> int:
    """The most characters of a text that one value of the detectors `names` takes, spelled out in words where they look for that.

    Keys, tokens and PEM blocks have no end of their own: this is how much of one is expected, and more is found where it is there.
    Raises KeyError for an unknown name.
    """
    return max((detector.longest for name in names for detector in members(name)), default=0)
