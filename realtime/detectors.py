"""Finds sensitive values in text without a network: an RE2 candidate, then a check that weeds out look-alikes.

Detection is never complete: a value spelled out in words, or split by other words, is not found.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from realtime.regex import Regex


@dataclass(frozen=True, slots=True)
class Finding:
    """One value found; `start` and `end` are characters of the text."""

    detector: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Detector:
    """What may be meant, and the check that says whether it is."""

    candidate: Regex
    check: Callable[[str], bool] = bool


def _luhn(digits: str) -> bool:
    """The check digit of ISO/IEC 7812 card numbers."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _card(text: str) -> bool:
    digits = "".join(filter(str.isdecimal, text))
    return len(set(digits)) > 1 and _luhn(digits)


def _iban(text: str) -> bool:
    """ISO 13616: country and check digits moved to the end, letters as two digits, remainder 1 modulo 97."""
    compact = text.replace(" ", "")
    moved = compact[4:] + compact[:4]
    return 15 <= len(compact) <= 34 and int("".join(str(int(sign, 36)) for sign in moved)) % 97 == 1


def _phone(text: str) -> bool:
    """ITU-T E.164: at most 15 digits; fewer than 8 is no international number."""
    return 8 <= sum(sign.isdecimal() for sign in text) <= 15


def _ip(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


DETECTORS: Final[dict[str, Detector]] = {
    "card": Detector(Regex(r"\b[2-6](?:[ -]?[0-9]){12,18}\b"), _card),
    "email": Detector(Regex(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}")),
    "iban": Detector(Regex(r"\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b"), _iban),
    "ip": Detector(Regex(r"\b(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}\b|[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{0,4}){2,7})"), _ip),
    "phone": Detector(Regex(r"\+[0-9][0-9 ().-]{5,20}[0-9]"), _phone),
    "secret": Detector(
        Regex(
            r"\b(?:sk-[A-Za-z0-9_-]{16,}|(?:ek|vt|sk)_[A-Za-z0-9_-]{16,}|xai-[A-Za-z0-9_-]{16,}|AIza[A-Za-z0-9_-]{30,}"
            r"|eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*)"
        )
    ),
}
"""Every detector a rule may name."""


def find(text: str, names: Iterable[str]) -> Iterator[Finding]:
    """What the detectors `names` find in `text`, one detector after the other. Raises KeyError for an unknown name."""
    for name in names:
        detector = DETECTORS[name]
        for start, end in detector.candidate.spans(text):
            if detector.check(text[start:end]):
                yield Finding(name, start, end)
