"""French: numbers in pairs ("zéro six, douze, soixante-dix-huit"), with the Belgian and Swiss tens."""

from __future__ import annotations

from typing import Final

from realtime.detectors.languages.language import Language
from realtime.detectors.languages.language import joined
from realtime.detectors.languages.language import listed
from realtime.detectors.languages.language import phrases
from realtime.detectors.languages.language import repeated
from realtime.detectors.languages.language import set_of

_DIGITS: Final = listed("zéro un deux trois quatre cinq six sept huit neuf") | {"zero": "0", "une": "1"}
_TEENS: Final = listed("dix onze douze treize quatorze quinze seize dix-sept dix-huit dix-neuf", 10)
_SWISS: Final = {"septante": "70", "huitante": "80", "octante": "80", "nonante": "90"}
_TENS: Final = listed("vingt trente quarante cinquante soixante", 20, 10) | _SWISS | {"quatre-vingt": "80", "quatre-vingts": "80"}
_UNITS: Final = {word: digit for word, digit in _DIGITS.items() if digit != "0"}
_PAIRS: Final = {f"{ten} {unit}": tens[0] + digit for ten, tens in _TENS.items() for unit, digit in _UNITS.items()}
_AND_ONE: Final = {f"{ten} et un": tens[0] + "1" for ten, tens in _TENS.items()} | {"soixante et onze": "71"}
_SEVENTIES: Final = {f"soixante {teen}": str(60 + int(number)) for teen, number in _TEENS.items()}
_NINETIES: Final = {f"quatre-vingt {teen}": str(80 + int(number)) for teen, number in _TEENS.items()}
_SMALL: Final = {
    word: f"{int(number):02}" for word, number in (_UNITS | _TEENS | _TENS | _PAIRS | _AND_ONE | _SEVENTIES | _NINETIES).items()
}
_HUNDRED: Final = {f"{unit} {cent}": digit for unit, digit in _UNITS.items() if digit != "1" for cent in ("cent", "cents")} | {"cent": "1"}
_HUNDREDS: Final = {hundred: digit + "00" for hundred, digit in _HUNDRED.items()} | {
    f"{hundred} {rest}": digit + two for hundred, digit in _HUNDRED.items() for rest, two in _SMALL.items()
}

FRENCH: Final = Language(
    code="fr",
    numbers=joined(
        (_DIGITS, _TEENS, _TENS, _PAIRS, _AND_ONE, _SEVENTIES, _NINETIES, _HUNDREDS, repeated({"double": 2, "triple": 3}, _DIGITS))
    ),
    signs=phrases(
        {
            "point": ".",
            "tiret": "-",
            "trait d'union": "-",
            "moins": "-",
            "plus": "+",
            "tiret du bas": "_",
            "tiret bas": "_",
            "underscore": "_",
            "slash": "/",
        }
    ),
    at=set_of("arobase, arrobase, at"),
    dots=set_of("point"),
    pauses=set_of("euh, heu, et, puis, alors, donc, oui, virgule, espace, ensuite"),
)
