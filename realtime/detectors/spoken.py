"""Numbers that are said, read as they would be written, with the way back to the words: "four one double five" is 4155.

Words are looked for by one RE2 scan; only what may be a number is then read word by word, so time is linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from typing import Final
from typing import NamedTuple

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
BETWEEN: Final = r"[\s,.;:…'’–—-]{1,4}"
_START, _END = r"(?:^|[^\p{L}])", r"(?:[^\p{L}]|$)"
"""A word's ends; those of RE2 know ASCII only."""


class Token(NamedTuple):
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


@dataclass(slots=True)
class _Node:
    """A word of phrases: what is written where one ends here, and the words that may follow."""

    written: str = ""
    then: dict[str, _Node] = field(default_factory=dict)


class Lexicon:
    """Phrases, for the longest one that stands at a place."""

    def __init__(self, phrases: Phrases) -> None:
        self._root = _Node()
        for phrase, written in phrases.items():
            node = self._root
            for word in phrase:
                node = node.then.setdefault(word, _Node())
            node.written = written

    def at(self, text: str, found: Sequence[Token], place: int) -> tuple[str, int]:
        """What the longest phrase at `place` stands for, and the place behind it; ("", place) where there is none."""
        best = "", place
        node = self._root.then.get(found[place].word)
        while node is not None:
            if node.written:
                best = node.written, place + 1
            place = _next_word(text, found, place)
            node = node.then.get(found[place].word) if place else None
        return best


def _next_word(text: str, found: Sequence[Token], place: int) -> int:
    """The place of the word that follows with no more than a space, a hyphen or an apostrophe between; 0 where none does."""
    following = place + 1
    if following < len(found) and found[following].word in _INSIDE:
        following += 1
    close = following < len(found) and text[found[place].end : found[following].start] in _INSIDE
    return following if close else 0


class _Part(NamedTuple):
    """A number as words or in digits, a letter, or a sign of a run."""

    kind: str
    text: str
    start: int
    end: int
    paused: bool  # whether something else was said before it


class Speech:
    """The numbers of one language."""

    def __init__(self, language: Language) -> None:
        self._numbers = Lexicon(language.numbers)
        self._signs = Lexicon(language.signs)
        self.words = {*language.pauses, *(word for phrase in (*language.numbers, *language.signs) for word in phrase)}
        """All that may stand in a number."""
        self.firsts = {phrase[0] for phrase in language.numbers}
        self.item = rf"(?:{alternatives(self.words)}|\b(?:[0-9]{{1,19}}|[a-z])\b)"
        first, signs = alternatives(self.firsts), alternatives(phrase[0] for phrase in language.signs)
        said = rf"(?:{first}|{signs}){_END}"
        self.gate = rf"{_START}(?:{first}){BETWEEN}(?:{said}|[0-9])|[0-9]{BETWEEN}(?:{first}){_END}"
        self._gate = Regex(f"(?i){self.gate}")
        self._run = Regex(f"(?i){self.item}(?:(?:{BETWEEN}){self.item})+")

    def read(self, text: str) -> View | None:
        """`text` with its spoken numbers in digits; None where it has none."""
        if not self._gate.search(text):
            return None
        pieces = [piece for start, end in self._run.spans(text) for piece in self._pieces(text, start, end)]
        return View(text, pieces) if pieces else None

    def _pieces(self, text: str, start: int, end: int) -> list[Piece]:
        parts = list(self._parts(text, tokens(text, start, end)))
        said = sum(part.kind == "said" for part in parts)
        digits = sum(len(part.text) for part in parts if part.kind in ("said", "digits"))
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
        if len(token.word) == 1 and token.word.isalpha():
            return _Part("letter", token.word, token.start, token.end, paused), place + 1
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


SPEECH: Final = tuple(Speech(language) for language in LANGUAGES)
GATE: Final = Regex(f"(?i){'|'.join(speech.gate for speech in SPEECH)}")
"""Matches wherever any number is said."""


def numbers_said(text: str) -> Iterator[View]:
    """`text` as each language reads it that finds a number said in it."""
    if GATE.search(text):
        yield from (view for speech in SPEECH if (view := speech.read(text)) is not None)
