"""What a table of a language has to say about numbers and signs, and the phrases that follow from it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_APART: Final = re.compile("[-']")
Phrases = Mapping[tuple[str, ...], str]
"""Words in small letters, without hyphens and apostrophes, and what is written for them."""


@dataclass(frozen=True, slots=True, eq=False)
class Language:
    """How people of one language say what is written in digits and signs.

    `numbers` has the digits of each number word or phrase, `signs` those that stand inside numbers and addresses,
    `at` and `dots` those that make an e-mail address. `pauses` are said between two digits and mean nothing.
    `verbs` stand before `at` where it is no part of an address: "look at", "find us at".
    """

    code: str
    numbers: Phrases
    signs: Phrases
    at: frozenset[str]
    dots: frozenset[str]
    pauses: frozenset[str]
    verbs: frozenset[str] = frozenset()


def phrases(said: Mapping[str, str]) -> Phrases:
    """`said` with its keys in words."""
    return {tuple(_APART.sub(" ", words).split()): written for words, written in said.items()}


def listed(words: str, first: int = 0, step: int = 1) -> dict[str, str]:
    """Number words in their order, from `first` on."""
    return {word: str(first + step * number) for number, word in enumerate(words.split())}


def repeated(times: Mapping[str, int], units: Mapping[str, str]) -> dict[str, str]:
    """`double four` and the like, also with the digit written."""
    known = {**units, **dict(zip("0123456789", "0123456789", strict=True))}
    return {f"{word} {unit}": digit * count for word, count in times.items() for unit, digit in known.items()}


def set_of(words: str) -> frozenset[str]:
    """Words, or phrases between commas."""
    return frozenset(word.strip() for word in words.split(","))


def joined(tables: Iterable[Mapping[str, str]]) -> Phrases:
    """One table of several; the later ones win."""
    return phrases({words: written for table in tables for words, written in table.items()})
