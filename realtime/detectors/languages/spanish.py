"""Spanish: digit by digit, in pairs ("treinta y cuatro") and in hundreds ("seiscientos doce")."""

from __future__ import annotations

from typing import Final

from realtime.detectors.languages.language import Language
from realtime.detectors.languages.language import joined
from realtime.detectors.languages.language import listed
from realtime.detectors.languages.language import phrases
from realtime.detectors.languages.language import repeated
from realtime.detectors.languages.language import set_of

_DIGITS: Final = listed("cero uno dos tres cuatro cinco seis siete ocho nueve")
_TEENS: Final = listed("diez once doce trece catorce quince dieciséis diecisiete dieciocho diecinueve", 10) | {"dieciseis": "16"}
_TWENTIES: Final = listed(
    "veinte veintiuno veintidós veintitrés veinticuatro veinticinco veintiséis veintisiete veintiocho veintinueve", 20
)
_BARE: Final = {"veintidos": "22", "veintitres": "23", "veintiseis": "26"}
_TENS: Final = listed("treinta cuarenta cincuenta sesenta setenta ochenta noventa", 30, 10)
_UNITS: Final = {word: digit for word, digit in _DIGITS.items() if digit != "0"}
_PAIRS: Final = {f"{ten} y {unit}": tens[0] + digit for ten, tens in _TENS.items() for unit, digit in _UNITS.items()}
_SMALL: Final = {word: f"{int(number):02}" for word, number in (_DIGITS | _TEENS | _TWENTIES | _BARE | _TENS | _PAIRS).items()}
_HUNDREDS: Final = listed("ciento doscientos trescientos cuatrocientos quinientos seiscientos setecientos ochocientos novecientos", 1)
_THREE: Final = {f"{hundred} {rest}": digit + two for hundred, digit in _HUNDREDS.items() for rest, two in _SMALL.items() if two > "09"}
_ROUND: Final = {hundred: digit + "00" for hundred, digit in _HUNDREDS.items()} | {"cien": "100"}

SPANISH: Final = Language(
    code="es",
    numbers=joined((_DIGITS, _TEENS, _TWENTIES, _BARE, _TENS, _PAIRS, _ROUND, _THREE, repeated({"doble": 2, "triple": 3}, _DIGITS))),
    signs=phrases(
        {
            "punto": ".",
            "guion": "-",
            "guión": "-",
            "menos": "-",
            "más": "+",
            "mas": "+",
            "guion bajo": "_",
            "guión bajo": "_",
            "barra baja": "_",
            "barra": "/",
        }
    ),
    at=set_of("arroba"),
    dots=set_of("punto"),
    pauses=set_of("eh, este, y, pues, luego, sí, coma, espacio, después"),
)
