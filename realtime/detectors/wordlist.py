"""Words of the operator's own: code names, customers, places. Found as whole words, in any case and any script."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from realtime.detectors.detector import Detector
from realtime.detectors.view import View
from realtime.regex import Regex

WORDS: Final = "words."
"""What the name of a word list begins with where a rule names it."""
_UNSPACED: Final = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
"""Scripts that put no space between words, so that a word has no boundary to look for."""
_WORD: Final = Regex(r"[\p{L}\p{N}\p{M}_]+")
_RUN: Final = Regex(f"[{_UNSPACED}]")
_AT_ONCE: Final = 200
_GAP: Final = 3
_GROWTH: Final = 3
"""How many characters one of a list may take in a text at most: letter and accents apart."""


@dataclass(frozen=True, slots=True)
class Words:
    """The entries of a list: `phrases` by their first word, `begins` patterns of those words, `inside` of what is found inside words."""

    phrases: Mapping[str, tuple[tuple[str, ...], ...]]
    begins: tuple[Regex, ...]
    inside: tuple[Regex, ...]

    @property
    def candidates(self) -> tuple[Regex, ...]:
        """As `Form.candidates`; those of `begins` match the folded text."""
        return (*self.inside, *self.begins)

    def spans(self, view: View) -> Iterator[tuple[int, int]]:
        """As `Form.spans`."""
        for pattern in self.inside:
            yield from view.spans(pattern)
        folded = fold(view.text)
        if any(pattern.search(folded) for pattern in self.begins):
            yield from self._phrases(view)

    def _phrases(self, view: View) -> Iterator[tuple[int, int]]:
        places = view.spans(_WORD)
        folded = [fold(view.text[start:end]) for start, end in places]
        free = 0
        for first, word in enumerate(folded):
            length = max((len(phrase) for phrase in self.phrases.get(word, ()) if self._stands(phrase, first, folded, places)), default=0)
            if first >= free and length:
                yield places[first][0], places[first + length - 1][1]
                free = first + length

    @staticmethod
    def _stands(phrase: tuple[str, ...], first: int, folded: list[str], places: list[tuple[int, int]]) -> bool:
        last = first + len(phrase)
        close = all(after[0] - before[1] <= _GAP for before, after in pairwise(places[first:last]))
        return tuple(folded[first:last]) == phrase and close


def fold(text: str) -> str:
    """`text` as it is compared: without case, accents composed."""
    return text.lower() if text.isascii() else unicodedata.normalize("NFC", text.casefold())


def word_list(name: str, entries: Iterable[str]) -> Detector:
    """The detector `words.<name>` of these words or phrases; with or without `words.`; an entry without a letter finds nothing."""
    phrases: defaultdict[str, set[tuple[str, ...]]] = defaultdict(set)
    inside: set[str] = set()
    longest = 0
    for entry in entries:
        words = tuple(fold(entry[start:end]) for start, end in _WORD.spans(entry))
        if not words:
            continue
        longest = max(longest, len(entry) * (1 if entry.isascii() else _GROWTH) + _GAP * (len(words) - 1))
        if _RUN.search(entry):
            inside.add(entry.strip())
        else:
            phrases[words[0]].add(words)
    form = Words({first: tuple(found) for first, found in phrases.items()}, tuple(_patterns(phrases)), tuple(_patterns(inside)))
    return Detector(WORDS + name.removeprefix(WORDS), f"Words of the list {name}", "high", (form,), longest=longest)


def _patterns(words: Iterable[str]) -> Iterator[Regex]:
    """Patterns that find any of `words`, the longest first; several, since RE2 bounds the size of one."""
    listed = sorted(words, key=lambda word: (-len(word), word))
    for first in range(0, len(listed), _AT_ONCE):
        yield Regex(f"(?i){'|'.join(re.escape(word) for word in listed[first : first + _AT_ONCE])}")
