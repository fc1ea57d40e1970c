"""Bank accounts (ISO 13616): the country's structure and the check digits, also where they are dictated letter by letter."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from stdnum import iban

from realtime.detectors.detector import Detector
from realtime.detectors.forms import windows
from realtime.detectors.view import View
from realtime.regex import Regex

_SHORTEST: Final = 15
_LONGEST: Final = 34
_FEWEST_DIGITS: Final = 8
_CANDIDATE: Final = Regex(rf"(?i)\b[A-Z] ?[A-Z][ -]?[0-9] ?[0-9](?:[ -]{{0,2}}[A-Z0-9]){{{_SHORTEST - 4},}}")
_HEAD: Final = re.compile("[A-Z] ?[A-Z][ -]?[0-9] ?[0-9]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Account:
    """An account number somewhere in a row of letters and digits."""

    def spans(self, view: View) -> Iterator[tuple[int, int]]:
        """As `Form.spans`."""
        for start, end in view.spans(_CANDIDATE):
            yield from windows(view, start, end, tuple(range(_LONGEST, _SHORTEST - 1, -1)), str.isalnum, _fits, _HEAD)


def _fits(view: View, start: int, end: int) -> bool:
    text = view.text[start:end]
    return sum(map(str.isdecimal, text)) >= _FEWEST_DIGITS and iban.is_valid(text, check_country=False)


ACCOUNTS: Final = (Detector("iban", "Bank account numbers (IBAN)", "high", (Account(),), longest=300, spoken=True, digits=True),)
