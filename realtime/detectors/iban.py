"""Bank accounts (ISO 13616): the country's structure and the check digits, also where they are dictated letter by letter."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

from stdnum import iban
from stdnum import numdb

from realtime.detectors.detector import Detector
from realtime.detectors.forms import windows
from realtime.detectors.view import View
from realtime.regex import Regex

_SHORTEST: Final = 15
_FEWEST_DIGITS: Final = 8
_CANDIDATE: Final = Regex(rf"(?i)\b[A-Z] ?[A-Z][ -]?[0-9] ?[0-9](?:[ -]{{0,2}}[A-Z0-9]){{{_SHORTEST - 4},}}")
_COUNT: Final = re.compile("([0-9]+)!")
_HEAD: Final = re.compile("[A-Z] ?[A-Z][ -]?[0-9] ?[0-9]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Account:
    """An account number somewhere in a row of letters and digits."""

    @property
    def candidates(self) -> tuple[Regex, ...]:
        """As `Form.candidates`."""
        return (_CANDIDATE,)

    def spans(self, view: View) -> Iterator[tuple[int, int]]:
        """As `Form.spans`."""
        for start, end in view.spans(_CANDIDATE):
            if lengths := _lengths(view.text[start:end]):
                yield from windows(view, start, end, lengths, str.isalnum, _fits, _HEAD)


def _lengths(text: str) -> tuple[int, ...]:
    """Of the numbers that may begin in a text, the longest first."""
    heads = ("".join(filter(str.isalpha, head[0])).upper() for head in _HEAD.finditer(text))
    return tuple(sorted({length for head in heads if (length := _length(head))}, reverse=True))


def _fits(view: View, start: int, end: int) -> bool:
    text = "".join(filter(str.isalnum, view.text[start:end])).upper()
    return len(text) == _length(text[:2]) and sum(map(str.isdecimal, text)) >= _FEWEST_DIGITS and iban.is_valid(text, check_country=False)


@cache
def _length(country: str) -> int:
    """How many characters an account number of a country has; 0 where it has none."""
    (_, facts), *_ = numdb.get("iban").info(country)
    return 4 + sum(map(int, _COUNT.findall(facts["bban"]))) if facts else 0


ACCOUNTS: Final = (Detector("iban", "Bank account numbers (IBAN)", "high", (Account(),), longest=300, spoken=True, digits=True),)
