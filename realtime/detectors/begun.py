"""What at some place of a text may be the beginning of a value, so that whoever lets a text go piece by piece waits for its end.

Too much may be taken for a beginning; a value of the detectors asked for, no longer than `longest`, is not missed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from realtime.detectors.detector import Detector
from realtime.detectors.languages import LANGUAGES
from realtime.detectors.plain import plain
from realtime.detectors.spoken import BETWEEN
from realtime.detectors.spoken import SPEECH
from realtime.detectors.spoken import alternatives
from realtime.detectors.spoken import tokens
from realtime.regex import Regex

_ITEM: Final = "|".join(speech.item for speech in SPEECH)
_HALVES: Final = alternatives(word[:length] for speech in SPEECH for word in speech.words for length in range(1, len(word)))
_NUMBER_WORDS: Final = frozenset[str]().union(*(speech.firsts for speech in SPEECH))
_LETTERS: Final = r"\b[a-z]{2}[ -]"
"""The country before an account number, or the letters before others."""
_RUN: Final = Regex(rf"(?i)(?:[+(]?(?:{_LETTERS}?)?(?:{_ITEM})(?:{BETWEEN}(?:{_ITEM}))*(?:{BETWEEN}(?:{_HALVES})?)?|{_LETTERS})$")
_FIRST_HALF: Final = Regex(rf"(?i)\b(?:{alternatives(word[:length] for word in _NUMBER_WORDS for length in range(3, len(word)))})$")
_WORD: Final = Regex(r"[A-Za-zÀ-ɏ0-9_.+%/=@~\\-]+$")
_PEM_HEAD: Final = "-----BEGIN "
_PEM_END: Final = "-----END "
_AT: Final = frozenset[str]().union(*(language.at for language in LANGUAGES))
_SAID: Final = alternatives(frozenset(_AT).union(*(speech.words for speech in SPEECH)))
_CHAIN: Final = Regex(rf"(?i)(?:\S+\s)?(?:(?:\b(?:{_SAID}|[a-z]|[0-9]{{1,6}})|[@.])\s(?:\S+\s)?)*$")
"""Words of which no two follow each other without a number, a letter or a sign that is said between them: an address so far."""


@dataclass(frozen=True, slots=True)
class Beginnings:
    """What the values of some detectors begin with. `longest` is how far back a beginning is looked for."""

    longest: int
    numbers: bool
    addresses: bool
    marks: tuple[str, ...]
    whole: int
    """How long those values are that nothing tells before they are there as a whole: words of a list."""

    def crossing(self, text: str, cut: int) -> int:
        """Where what stands across `cut` begins, which is not to be cut in two; `cut` where nothing does."""
        before = plain(text[max(0, cut - self.longest) : cut])
        word = _start(_WORD, before)
        starts = [word, self._block(before), max(0, len(before) - cut + len(text) - self.whole)]
        if self.numbers:
            starts.append(_start(_RUN, before[:word]))
        if self.addresses:
            starts.append(_start(_CHAIN, before[:word]))
        return cut - len(before) + min(starts)

    def unfinished(self, text: str) -> int:
        """Where a value begins that may go on behind the end of `text`; its length where none does."""
        near = plain(text[-self.longest :])
        starts = [self._block(near), self._marked(near)]
        if self.numbers:
            starts.append(_number(near))
        if self.addresses:
            starts.append(_address(near))
        return len(text) - len(near) + min(starts)

    def _block(self, text: str) -> int:
        """The key in several lines that has no end yet."""
        begins = text.rfind(_PEM_HEAD) if _PEM_HEAD in self.marks else -1
        return len(text) if begins < 0 or _PEM_END in text[begins:] else begins

    def _marked(self, text: str) -> int:
        """The word at the end, where it has the mark of a key or an address."""
        start = _start(_WORD, text)
        return start if any(mark in text[start:] for mark in self.marks) else len(text)


def _number(text: str) -> int:
    """The number at the end, or the first half of its first word."""
    start = _start(_RUN, text)
    words = [token.word for token in tokens(text, start, len(text))] if start < len(text) else []
    said = any(word in _NUMBER_WORDS or word.isdecimal() for word in words)
    return start if said else _start(_FIRST_HALF, text)


def _address(text: str) -> int:
    """The address that is being said at the end: a name and `at`, and perhaps more."""
    behind = _start(_WORD, text)
    start = _start(_CHAIN, text[:behind])
    words = [token.word for token in tokens(text, start, behind)] if start < behind else []
    return start if not _AT.isdisjoint(words[1:]) or "@" in words[1:] else len(text)


def _start(ending: Regex, text: str) -> int:
    """Where the longest match of a pattern that ends with `$` starts; the length of the text where there is none."""
    return next((start for start, _ in ending.spans(text)), len(text))


@lru_cache(maxsize=256)
def beginnings(detectors: frozenset[Detector]) -> Beginnings | None:
    """Of the values of these detectors; None where all of them are short."""
    longest = max((detector.longest for detector in detectors), default=0)
    if not longest:
        return None
    return Beginnings(
        longest,
        any(detector.spoken and detector.digits for detector in detectors),
        any(detector.spoken and "@" in detector.marks for detector in detectors),
        tuple({mark: None for detector in detectors for mark in detector.marks}),
        max((detector.longest for detector in detectors if not (detector.spoken or detector.marks)), default=0),
    )
