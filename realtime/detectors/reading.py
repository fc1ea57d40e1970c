"""A text under the detectors: read once, written and spoken, however many rules ask."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from collections.abc import Iterator
from typing import Final

from realtime.detectors.address import addresses_said
from realtime.detectors.detector import Detector
from realtime.detectors.detector import Finding
from realtime.detectors.spoken import numbers_said
from realtime.detectors.table import DETECTORS
from realtime.detectors.view import View

_DIGITS: Final = {sign: str(unicodedata.decimal(sign)) for sign in filter(str.isdecimal, map(chr, range(0x80, 0x1FC00)))}
_SPACES: Final = dict.fromkeys(
    "\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u200b\u200c\u200d\u202f\u2060\u3000\ufeff", " "
)
_DASHES: Final = dict.fromkeys("\u00ad\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d", "-")
_SIGNS: Final = {"＠": "@", "．": ".", "＋": "+", "／": "/", "，": ","}
_PLAIN: Final = {ord(sign): plain for sign, plain in (_DIGITS | _SPACES | _DASHES | _SIGNS).items()}
_FOREIGN: Final = frozenset(map(chr, _PLAIN))


class Reading:
    """What the detectors find in one text. Each looks once, however often it is asked for."""

    __slots__ = ("_found", "_said", "_text", "_view")

    def __init__(self, text: str) -> None:
        self._text = plain(text)
        self._view = View(self._text)
        self._said: tuple[View, ...] | None = None
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
            views = (self._view, *self._spoken()) if detector.spoken else (self._view,)
            spans = [span for view in views for span in detector.spans(view)]
            found = self._found[detector] = tuple(Finding(detector.id, *span) for span in _apart(spans, detector.longest))
        return found

    def _spoken(self) -> tuple[View, ...]:
        if self._said is None:
            self._said = (*numbers_said(self._text), *addresses_said(self._text))
        return self._said


def plain(text: str) -> str:
    """`text` with digits of all scripts, spaces and dashes as in ASCII, character for character."""
    return text if text.isascii() or _FOREIGN.isdisjoint(text) else text.translate(_PLAIN)


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
