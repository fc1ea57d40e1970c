"""Payment cards: the lengths and first digits of the issuers, and the check digit of ISO/IEC 7812."""

from __future__ import annotations

import re
from typing import Final

from stdnum import luhn

from realtime.detectors.detector import Detector
from realtime.detectors.forms import Around
from realtime.detectors.forms import Digits
from realtime.detectors.forms import digits_of
from realtime.regex import Regex

_ISSUERS: Final = (
    (r"4", (16, 19)),  # Visa
    (r"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720", (16,)),  # Mastercard
    (r"3[47]", (15,)),  # American Express
    (r"30[0-5]|3095|36|3[89]", (14, 16)),  # Diners Club
    (r"6011|64[4-9]|65", (16, 19)),  # Discover
    (r"352[89]|35[3-8]", (16, 19)),  # JCB
    (r"62|81", (16, 19)),  # UnionPay
    (r"220[0-4]", (16,)),  # Mir
    (r"508|60|82", (16,)),  # RuPay
    (r"50|5[6-9]|6", (16, 19)),  # Maestro
)
"""First digits of the number and how many digits it has; the first row that fits is taken."""

_LENGTHS: Final = tuple(sorted({length for _, lengths in _ISSUERS for length in lengths}, reverse=True))
_TABLE: Final = tuple((re.compile(first), frozenset(lengths)) for first, lengths in _ISSUERS)
_SPACED: Final = re.compile(r"[0-9]+(?:(?: ?-? ?|\.)[0-9]+)*")
_LISTED: Final = re.compile(r"[0-9]{4}(?:, ?[0-9]{4}){3}|[0-9]{4}, ?[0-9]{6}, ?[0-9]{5}|[0-9](?:, ?[0-9])+")
_OTHER_NUMBER: Final = Regex(
    r"(?i)\b(?:order|tracking|imei|serial|invoice|shipment|parcel)(?: (?:number|no\.?|id|code))?(?: is)?[ :#]*$"
    r"|\b(?:[a-z]{2}[0-9]{2} ?|(?-i:[A-Z]{2}) [0-9]{2} ?)$"
)
"""Words before a number of something else, or the beginning of an IBAN."""


def is_card(text: str) -> bool:
    """Whether `text` is a card number: groups as people write them, an issuer's first digits and length, the right check digit."""
    digits = digits_of(text)
    issuer = next((lengths for first, lengths in _TABLE if first.match(digits)), frozenset[int]())
    if len(digits) not in issuer or len(set(digits)) == 1:
        return False
    return bool(_SPACED.fullmatch(text) or _LISTED.fullmatch(text)) and luhn.is_valid(digits)


CARDS: Final = (
    Detector(
        "card",
        "Payment card numbers",
        "high",
        (Digits(_LENGTHS, is_card, Around(unless=_OTHER_NUMBER)),),
        longest=240,
        spoken=True,
        digits=True,
    ),
)
