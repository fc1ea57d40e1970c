"""Bank accounts (ISO 13616): the country's structure and the check digits, also where they are dictated letter by letter."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final
from typing import NamedTuple

from stdnum import iban
from stdnum import numdb

from realtime.detectors.detector import Detector
from realtime.detectors.forms import windows
from realtime.detectors.view import View
from realtime.regex import Regex

_SHORTEST: Final = 15
_FEWEST_DIGITS: Final = 8
_CANDIDATE: Final = Regex(rf"(?i)\b[A-Z] ?[A-Z][ -]?[0-9] ?[0-9](?:[ -]{{0,2}}[A-Z0-9]){{{_SHORTEST - 4},}}")
_PARTS: Final = re.compile("([0-9]+)!([nac])")
_KINDS: Final = {"n": "[0-9]", "a": "[A-Z]", "c": "[A-Z0-9]"}
"""What the letters of ISO 13616 stand for."""
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
    return tuple(sorted({country.length for head in heads if (country := _country(head)) is not None}, reverse=True))


def _fits(view: View, start: int, end: int) -> bool:
    text = "".join(filter(str.isalnum, view.text[start:end])).upper()
    country = _country(text[:2])
    if country is None or not country.shape.fullmatch(text) or sum(map(str.isdecimal, text)) < _FEWEST_DIGITS:
        return False
    return iban.is_valid(text, check_country=False)


class Country(NamedTuple):
    """How the account numbers of a country are made."""

    length: int
    shape: re.Pattern[str]


@cache
def _country(code: str) -> Country | None:
    """What python-stdnum knows of a country; None where it has no such numbers."""
    (_, facts), *_ = numdb.get("iban").info(code)
    parts = [(int(count), kind) for count, kind in _PARTS.findall(facts["bban"])] if facts else []
    shape = "".join(f"{_KINDS[kind]}{{{count}}}" for count, kind in parts)
    return Country(4 + sum(count for count, _ in parts), re.compile(f"[A-Z]{{2}}[0-9]{{2}}{shape}")) if parts else None


ACCOUNTS: Final = (Detector("iban", "Bank account numbers (IBAN)", "high", (Account(),), longest=300, spoken=True, digits=True),)
