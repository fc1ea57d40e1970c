"""E-mail addresses that are said, read as they would be written: "bob dot smith at example dot com"."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence
from typing import Final

from realtime.detectors.languages import LANGUAGES
from realtime.detectors.languages.language import phrases
from realtime.detectors.spoken import Lexicon
from realtime.detectors.spoken import Token
from realtime.detectors.spoken import alternatives
from realtime.detectors.spoken import tokens
from realtime.detectors.view import Piece
from realtime.detectors.view import View
from realtime.regex import Regex

_ENDS: Final = (
    "com|org|net|edu|gov|info|biz|io|ai|dev|app|cloud|online|shop|xyz|tech|example|test"
    "|eu|uk|us|ca|au|nz|in|jp|cn|br|mx|ar|de|at|ch|fr|be|nl|es|it|pt|pl|se|no|dk|fi|ie|co|me|tv"
)
"""Top-level domains that end an address which was said; a written one may have any."""

_AT: Final = alternatives(word for language in LANGUAGES for word in language.at)
_DOTS: Final = alternatives(word for language in LANGUAGES for word in language.dots)
_SIGNS: Final = alternatives(" ".join(phrase) for language in LANGUAGES for phrase in language.signs)
_NUMBERS: Final = alternatives(word for language in LANGUAGES for phrase in language.numbers for word in phrase)
_LEXICON: Final = Lexicon(
    {
        words: written
        for language in reversed(LANGUAGES)
        for table in (language.numbers, language.signs)
        for words, written in table.items()
        if words != ("o",)
    }
)
_AT_WORDS: Final = Lexicon(phrases(dict.fromkeys((word for language in LANGUAGES for word in language.at), "@") | {"@": "@"}))
_APOSTROPHES: Final = ("'", "’")
_VERB_AND_LETTER: Final = 2
_VERBS: Final = frozenset[str]().union(*(language.verbs for language in LANGUAGES))

_PART: Final = rf"(?:\b[a-z]\s)*\b[\p{{L}}0-9][\p{{L}}0-9._+-]*(?:\s(?:{_NUMBERS}|[0-9]{{1,6}}|[a-z]))*"
_PARTS: Final = rf"{_PART}(?:(?:\s(?:{_SIGNS})\s|\s?\.\s?){_PART})*"
ADDRESS: Final = Regex(rf"(?i){_PARTS}(?:\s(?:{_AT})\s|\s?@\s?){_PARTS}(?:\s(?:{_DOTS})\s|\s?\.\s?)(?:{_ENDS})\b")


def addresses_said(text: str) -> Iterator[View]:
    """`text` with its spoken addresses as they are written; nothing where it has none."""
    pieces = [piece for start, end in ADDRESS.spans(text) for piece in _pieces(text, _words(text, start, end))]
    if pieces:
        yield View(text, pieces)


def _words(text: str, start: int, end: int) -> list[Token]:
    """What stands from `start` to `end`; what follows an apostrophe is no word of its own: "it's bob at"."""
    return tokens(text, start, end)[text.startswith(_APOSTROPHES, max(0, start - 1)) :]


def _pieces(text: str, found: Sequence[Token]) -> list[Piece]:
    """Words and signs as they are written, with nothing between them; none where `at` is no part of an address."""
    pieces: list[Piece] = []
    place, at = 0, False
    while place < len(found):
        token = found[place]
        written, behind = ("", place) if at else _AT_WORDS.at(text, found, place)
        if written:
            at = True
            if _is_no_name(found[:place]):
                return []
        else:
            written, behind = _LEXICON.at(text, found, place)
        behind = max(behind, place + 1)
        if pieces:
            pieces.append(Piece("", pieces[-1].end, token.start))
        pieces.append(Piece(written or text[token.start : token.end], token.start, found[behind - 1].end))
        place = behind
    return pieces


def _is_no_name(before: Sequence[Token]) -> bool:
    """Whether what stands before `at` is nothing, or "look" or "find us" rather than a name."""
    return not before or (before[-1].word in _VERBS and len(before) <= _VERB_AND_LETTER)
