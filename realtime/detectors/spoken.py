"""Numbers that are said, read as they would be written, with the way back to the words: "four one double five" is 4155.

Words are looked for by one RE2 scan; only what may be a number is then read word by word, so time is linear in the text.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from realtime.detectors.languages import LANGUAGES
from realtime.detectors.languages import Language
from realtime.detectors.languages.language import Phrases
from realtime.detectors.view import Piece
from realtime.detectors.view import View
from realtime.regex import Regex

_FEWEST_DIGITS: Final = 4
"""Shorter numbers are quantities, times and years."""
_TOKEN: Final = re.compile(r"[0-9]+|[^\W\d_]+|\S")
_INSIDE: Final = frozenset(("", " ", "-", "'", "’"))
"""What may stand between the words of one phrase."""
_BETWEEN: Final = r"[\s,.;:…'’–—-]{1,3}"


@dataclass(frozen=True, slots=True)
class Token:
    """A word, a number or a sign of the text; `word` without case."""

    word: str
    start: int
    end: int


def tokens(text: str, start: int, end: int) -> list[Token]:
    """What stands from `start` to `end`, without the first or last word where they are cut."""
    found = [Token(match[0].casefold(), *match.span()) for match in _TOKEN.finditer(text, start, end)]
    last = len(found) - (end < len(text) and text[end].isalnum() and text[end - 1].isalnum())
    first = int(start > 0 and text[start - 1].isalnum() and text[start].isalnum())
    return found[first:last]


class Lexicon:
    """Phrases by their first word, for the longest one that stands at a place."""

    def __init__(self, phrases: Phrases) -> None:
        self._of: defaultdict[str, list[tuple[tuple[str, ...], str]]] = defaultdict(list)
        for phrase in sorted(phrases, key=len, reverse=True):
            self._of[phrase[0]].append((phrase, phrases[phrase]))

    def at(self, text: str, found: Sequence[Token], place: int) -> tuple[str, int]:
        """What the longest phrase at `place` stands for, and the place behind it; ("", place) where there is none."""
        for phrase, written in self._of.get(found[place].word, ()):
            last = _end(text, found, place, phrase)
            if last:
                return written, last
        return "", place


def _end(text: str, found: Sequence[Token], place: int, phrase: tuple[str, ...]) -> int:
    """The place behind `phrase`, 0 where it does not stand at `place`."""
    for word in phrase[1:]:
        before, place = found[place], place + 1
        while place < len(found) and not found[place].word.isalnum() and found[place].word in _INSIDE:
            place += 1
        if place == len(found) or found[place].word != word or text[before.end : found[place].start] not in _INSIDE:
            return 0
    return place + 1


@dataclass(frozen=True, slots=True)
class _Part:
    """A number, as words or in digits, or a sign of a run."""

    kind: str
    text: str
    start: int
    end: int
    paused: bool
    """Whether something else was said before it."""


class Speech:
    """The numbers of one language."""

    def __init__(self, language: Language) -> None:
        self._numbers = Lexicon(language.numbers)
        self._signs = Lexicon(language.signs)
        first = alternatives(phrase[0] for phrase in language.numbers)
        others = (*language.pauses, *(word for phrase in (*language.numbers, *language.signs) for word in phrase))
        item = rf"(?:{alternatives(others)}|[0-9]{{1,19}})"
        self.gate = rf"(?:{first}){_BETWEEN}(?:{first}|[0-9])|[0-9]{_BETWEEN}(?:{first})"
        self._gate = Regex(f"(?i){self.gate}")
        self._run = Regex(f"(?i){item}(?:(?:{_BETWEEN}){item})+")

    def read(self, text: str) -> View | None:
        """`text` with its spoken numbers in digits; None where it has none."""
        if not self._gate.search(text):
            return None
        pieces = [piece for start, end in self._run.spans(text) for piece in self._pieces(text, start, end)]
        return View(text, pieces) if pieces else None

    def _pieces(self, text: str, start: int, end: int) -> list[Piece]:
        parts = list(self._parts(text, tokens(text, start, end)))
        said = sum(part.kind == "said" for part in parts)
        digits = sum(len(part.text) for part in parts if part.kind != "sign")
        return list(_written(parts)) if said and digits >= _FEWEST_DIGITS else []

    def _parts(self, text: str, found: Sequence[Token]) -> Iterator[_Part]:
        place, paused = 0, False
        while place < len(found):
            part, behind = self._part(text, found, place, paused)
            if part is not None:
                yield part
            paused = part is None and (paused or found[place].word not in _INSIDE)
            place = behind

    def _part(self, text: str, found: Sequence[Token], place: int, paused: bool) -> tuple[_Part | None, int]:
        token = found[place]
        if token.word.isdecimal():
            return _Part("digits", token.word, token.start, token.end, paused), place + 1
        for kind, lexicon in (("said", self._numbers), ("sign", self._signs)):
            written, behind = lexicon.at(text, found, place)
            if written:
                return _Part(kind, written, token.start, found[behind - 1].end, paused), behind
        return None, place + 1


def _written(parts: Sequence[_Part]) -> Iterator[Piece]:
    """The pieces of a run: numbers in digits, signs between them, pauses as a space, nothing between digits that were said."""
    before: _Part | None = None
    signs: list[_Part] = []
    for part in parts:
        if part.kind == "sign":
            signs.append(part)
            continue
        if before is not None:
            yield from _gap(before, signs, part)
        elif signs and signs[-1].text == "+":
            yield Piece("+", signs[-1].start, part.start)
        if part.kind == "said":
            yield Piece(part.text, part.start, part.end)
        before, signs = part, []


def _gap(before: _Part, signs: Sequence[_Part], after: _Part) -> Iterator[Piece]:
    if signs:
        yield Piece(signs[0].text if len(signs) == 1 else " ", before.end, after.start)
    elif after.paused or before.kind != after.kind:
        yield Piece(" ", before.end, after.start)
    elif after.kind == "said":
        yield Piece("", before.end, after.start)


def alternatives(words: Iterable[str]) -> str:
    """A pattern of any of `words`, the longest first."""
    return "|".join(re.escape(word) for word in sorted(set(words), key=lambda word: (-len(word), word)))


_SPEECH: Final = tuple(Speech(language) for language in LANGUAGES)
_GATE: Final = Regex(f"(?i){'|'.join(speech.gate for speech in _SPEECH)}")


def numbers_said(text: str) -> Iterator[View]:
    """`text` as each language reads it that finds a number said in it."""
    if _GATE.search(text):
        yield from (view for speech in _SPEECH if (view := speech.read(text)) is not None)
