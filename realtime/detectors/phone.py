"""Telephone numbers: international (ITU-T E.164), the national forms of several countries, and others beside words that say so."""

from __future__ import annotations

import re
from typing import Final

from realtime.detectors.detector import Detector
from realtime.detectors.forms import Around
from realtime.detectors.forms import Digits
from realtime.detectors.forms import Pattern
from realtime.detectors.forms import digits_of
from realtime.detectors.forms import words
from realtime.regex import Regex

_CONTEXT: Final = words(
    r"phones?",
    r"(?:tele|smart|mobile |cell ?)phones?",
    r"mobile",
    r"cell",
    r"(?:call|ring|text|reach|phone) (?:me|us|him|her|them|back)",
    r"call(?:ing|ed)?",
    r"dial(?:ed|ing)?",
    r"landline",
    r"fax",
    r"whats ?app",
    r"(?:my|his|her|their|our|your|the|contact|call ?back|work|home|office) number",
    r"number(?: is|'s)",
    # German
    r"telefon\w*",
    r"handy\w*",
    r"mobil\w*",
    r"rufnummer",
    r"durchwahl",
    r"nummer (?:ist|lautet)",
    r"(?:meine|unsere|ihre|seine) nummer",
    r"(?:an|zurück)?rufen",
    r"erreich\w*",
    # French
    r"t[ée]l[ée]phon\w*",
    r"portable",
    r"(?:mon|son|notre|votre|le) num[ée]ro",
    r"appel(?:er|ez|le)",
    r"rappel(?:er|ez|le)",
    r"joindre",
    # Spanish
    r"tel[ée]fono",
    r"m[óo]vil",
    r"celular",
    r"(?:mi|su|el) n[úu]mero",
    r"ll[áa]m\w+",
)
_OTHERS: Final = (
    r"order|invoice|ticket|case|tracking|booking|confirmation|reservation|reference|serial|part|item|claim|policy|flight|extension|pin"
    r"|(?:zip|access|security|promo|postal) code|account|iban|card|visa|mastercard|passport|licen[cs]e|social|insurance|nhs|n h s|patient"
    r"|ssn|tax|taxpayer|itin|tfn|sin|aadhaar|pan|bsn|pesel|personnummer|ahv|cpf|dni|nie|nif|bestell\w*|rechnungs\w*|auftrags\w*|kunden\w*"
    r"|konto\w*|karten?\w*|steuer\w*|idnr|commande|facture|dossier|client|carte|compte|s[ée]cu\w*|pedido|factura|reserva|tarjeta|cuenta"
)
_LINKS: Final = (
    "number|numbers|no|id|code|security|insurance|sociale|file|is|was|it's|its|it|for|the"
    "|nummer|lautet|ist|num[ée]ro|est|de|n[úu]mero|es|el|le"
)
_OTHER_NUMBER: Final = Regex(
    rf"(?i)\b(?:{_OTHERS})(?:[ ,.:#-]+(?:{_LINKS}))*[ ,.:#-]*(?-i:[A-Z0-9]{{1,5}} ){{0,4}}$|[0-9][ ./-]$|(?:\b[a-z] ){{2}}$"
)
"""Words before a number that is no telephone number, more digits before it, or letters that are spelled."""
_SAID: Final = Around(_CONTEXT, _OTHER_NUMBER)
_ALONE: Final = Around(unless=_OTHER_NUMBER)

_INTERNATIONAL: Final = Regex(r"(?:\+ ?|\b00 ?)[1-9](?:[ .()/-]{0,3}[0-9]){6,14}\b")
_TWO_DIGIT_CODES: Final = frozenset(
    {20, 27, *range(30, 35), 36, 39, 40, 41, *range(43, 50), *range(51, 59), *range(60, 67), 81, 82, 84, 86, *range(90, 96), 98}
)
_THREE_DIGIT_CODES: Final = frozenset({*range(21, 27), 29, 35, 37, 38, 42, 50, 59, 67, 68, 69, 80, 85, 87, 88, 96, 97, 99})
"""The first two digits of the calling codes that have three."""

_NORTH_AMERICA: Final = Regex(r"(?:\b1[ .-]{1,2})?(?:\([2-9][0-9]{2}\) ?|\b[2-9][0-9]{2}[ .-])[2-9][0-9]{2}[ .-][0-9]{4}\b")
_FRANCE: Final = Regex(r"\b0[1-9](?:[ .-][0-9]{2}){4}\b")
_BRITAIN: Final = Regex(r"\b0(?:7[0-9]{3}[ -][0-9]{3} ?[0-9]{3}|2[0-9][ -][0-9]{4}[ -][0-9]{4}|1[0-9]{2,3}[ -][0-9]{3}[ -]?[0-9]{3,4})\b")
_GERMANY: Final = Regex(r"\b0(?:1[567][0-9]{1,2}|[2-9][0-9]{1,4})(?:[ /-]|\)? ?/ ?)[0-9]{3,8}(?:[ -][0-9]{1,6}){0,3}\b")
_DATE: Final = re.compile(r"(?:19|20)[0-9]{2}[-./ ]?[01][0-9][-./ ]?[0-3][0-9]|[0-3]?[0-9][-./ ][0-3]?[0-9][-./ ](?:19|20)[0-9]{2}")
_LOCAL: Final = re.compile(r"[0-9]+(?:(?: ?[-/] ?|, |\. ?|\) ?| \(?| )[0-9]+)*")
_COUNTING: Final = "01234567890 0123456789101112"
_DICTATED: Final = re.compile(r"1?[2-9][0-9]{2}[2-9][0-9]{6}|0[1-9][0-9]{8,9}")


def _is_international(text: str) -> bool:
    digits = digits_of(text).removeprefix("00")
    known = digits[0] in "17" or int(digits[:2]) in _TWO_DIGIT_CODES | _THREE_DIGIT_CODES
    return 8 <= len(digits) <= 15 and known


def _is_german(text: str) -> bool:
    return 9 <= len(digits_of(text)) <= 13


def _is_north_american(text: str) -> bool:
    """Neither an area nor an exchange ends in 11: those are service codes."""
    digits = digits_of(text)[-10:]
    return digits[1:3] != "11" and digits[4:6] != "11"


def _is_local(text: str) -> bool:
    """Dates and sums of money are no telephone numbers."""
    return _is_varied(text) and bool(_LOCAL.fullmatch(text)) and not _DATE.match(text)


def _is_dictated(text: str) -> bool:
    return _DICTATED.fullmatch(digits_of(text)) is not None and _is_varied(text)


def _is_varied(text: str) -> bool:
    """Neither one digit over and over nor someone who counts."""
    digits = digits_of(text)
    return len(set(digits)) > 1 and digits not in _COUNTING


PHONES: Final = (
    Detector(
        "phone",
        "Telephone numbers",
        "medium",
        (
            Pattern(_INTERNATIONAL, _is_international, _ALONE),
            Pattern(_NORTH_AMERICA, _is_north_american, _ALONE),
            Pattern(_FRANCE, around=_ALONE),
            Pattern(_BRITAIN, around=_ALONE),
            Pattern(_GERMANY, _is_german, _ALONE),
            Digits((11, 10), _is_dictated, _ALONE, whole=True, dictated=True),
            Digits((13, 12, 11, 10, 9, 8, 7), _is_local, _SAID, whole=True),
        ),
        longest=180,
        spoken=True,
        digits=True,
    ),
)
