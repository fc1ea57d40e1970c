"""German: `zwo` for two, units before tens in one word ("einundzwanzig"), "doppel vier" and "zweimal die vier"."""

from __future__ import annotations

from typing import Final

from realtime.detectors.languages.language import Language
from realtime.detectors.languages.language import joined
from realtime.detectors.languages.language import listed
from realtime.detectors.languages.language import phrases
from realtime.detectors.languages.language import repeated
from realtime.detectors.languages.language import set_of

_DIGITS: Final = listed("null eins zwei drei vier fünf sechs sieben acht neun") | {"zwo": "2", "fuenf": "5"}
_TEENS: Final = listed("zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn siebzehn achtzehn neunzehn", 10) | {"zwoelf": "12"}
_TENS: Final = listed("zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig", 20, 10) | {"dreissig": "30", "fuenfzig": "50"}
_UNITS: Final = {word: digit for word, digit in _DIGITS.items() if digit not in "01"} | {"ein": "1"}
_PAIRS: Final = {f"{unit}und{ten}": tens[0] + digit for ten, tens in _TENS.items() for unit, digit in _UNITS.items()}
_HUNDREDS: Final = {f"{unit}{gap}hundert": digit + "00" for unit, digit in _UNITS.items() for gap in ("", " ")}
_TIMES: Final = {"doppel": 2, "zweimal": 2, "zweimal die": 2, "dreimal": 3, "dreimal die": 3, "viermal": 4, "viermal die": 4}

GERMAN: Final = Language(
    code="de",
    numbers=joined((_DIGITS, _TEENS, _TENS, _PAIRS, _HUNDREDS, repeated(_TIMES, _DIGITS))),
    signs=phrases(
        {
            "punkt": ".",
            "strich": "-",
            "bindestrich": "-",
            "minus": "-",
            "plus": "+",
            "unterstrich": "_",
            "schrägstrich": "/",
        }
    ),
    at=set_of("at, ät, klammeraffe, at zeichen"),
    dots=set_of("punkt"),
    pauses=set_of("äh, ähm, hm, und, dann, also, so, ja, genau, komma, leerzeichen, nochmal"),
)
