"""One look at a text that says which detectors and patterns may find something in it: nearly always none.

Guarantees: what is not named finds nothing. What is named may find nothing either.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from realtime.detectors.address import ADDRESS
from realtime.detectors.detector import Detector
from realtime.detectors.plain import plain
from realtime.detectors.spoken import GATE
from realtime.detectors.wordlist import fold
from realtime.regex import PatternError
from realtime.regex import Regex
from realtime.regex import Regexes

Seeker = Regex | Detector
"""What looks for something in a text."""

_SPOKEN: Final = (GATE, ADDRESS)
_LARGEST: Final = 500
"""Instructions of a pattern that is looked for together with others; a larger one would slow them all down."""
_REMEMBERED: Final = 1024
_AROUND: Final = 128
_ANCHOR: Final = re.compile(r"[$^]|\\[Az]")
_NAME: Final = re.compile("[A-Za-z0-9_.-]{1,64}")
"""Types of events and names of answers and items, which stand in message after message."""


class Sieve[S: Seeker]:
    """Knows some seekers. `asks` are those of them that it cannot speak for."""

    __slots__ = ("_known", "_owners", "_together", "asks", "harmless", "harmless_around", "joins")

    def __init__(self, seekers: Iterable[S], largest: int | None = _LARGEST) -> None:
        """Patterns of more instructions than `largest` are left to themselves."""
        owners: defaultdict[str, list[S]] = defaultdict(list)
        asks: list[S] = []
        self.harmless: dict[str, None] = {}
        """Names in which nothing is found; noted by whoever knows."""
        self.harmless_around: tuple[set[tuple[bytes, ...]], set[tuple[bytes, ...]]] = set(), set()
        """What stands around the sound in messages of a server, and of a client, in which nothing is found."""
        self._known = frozenset(seekers)
        for seeker in self._known:
            patterns = _patterns_of(seeker, largest)
            for pattern in patterns or ():
                owners[pattern].append(seeker)
            if patterns is None:
                asks.append(seeker)
        self.asks = frozenset(asks)
        self._owners = [frozenset(found) for _, found in sorted(owners.items())]
        self._together = _together(tuple(sorted(owners)))
        if self._together is None:
            self.asks = self._known
        self.joins = not any(_ANCHOR.search(pattern.replace("[^", "")) for pattern in owners)
        """Whether what may be found in one of two texts may be found in both together, with a line break between them."""

    def knows(self, seeker: Seeker) -> bool:
        """Whether `left` says anything about it."""
        return seeker in self._known

    def note(self, text: str) -> None:
        """Nothing is found in a text; it is remembered where it is a name."""
        if _NAME.fullmatch(text):
            if len(self.harmless) >= _REMEMBERED:
                self.harmless.clear()
            self.harmless[text] = None

    def note_around(self, from_client: bool, around: tuple[bytes, ...]) -> None:
        """Nothing is found in messages that differ in their sound alone."""
        known = self.harmless_around[from_client]
        if len(known) >= _AROUND:
            known.clear()
        known.add(around)

    def left(self, text: str) -> frozenset[S]:
        """The seekers that may find something in `text`."""
        if self._together is None:
            return self.asks
        if text.isascii():
            return self._found(self._together, text)
        read = plain(text)
        return frozenset[S]().union(*(self._found(self._together, way) for way in {text, read, fold(read)}))

    def _found(self, together: Regexes, text: str) -> frozenset[S]:
        found = together.found(text)
        if found is None:
            return self._known
        return self.asks.union(*(self._owners[number] for number in found)) if found else self.asks


@lru_cache(maxsize=16)
def _together(patterns: tuple[str, ...]) -> Regexes | None:
    """The patterns as one; None where they are too many."""
    try:
        return Regexes(patterns)
    except PatternError:
        return None


def _patterns_of(seeker: Seeker, largest: int | None) -> tuple[str, ...] | None:
    """Patterns of which one matches wherever it finds something; None where that cannot be said."""
    if isinstance(seeker, Regex):
        return (seeker.pattern,) if largest is None or seeker.size <= largest else None
    patterns = list(_SPOKEN) if seeker.spoken else []
    for form in seeker.forms:
        if form.candidates is None:
            return None
        patterns += form.candidates
    return tuple(regex.pattern for regex in patterns)
