"""English: digit by digit, in pairs ("forty one eleven"), doubled, with `oh` for zero and `eight hundred` for 800."""

from __future__ import annotations

from typing import Final

from realtime.detectors.languages.language import Language
from realtime.detectors.languages.language import joined
from realtime.detectors.languages.language import listed
from realtime.detectors.languages.language import phrases
from realtime.detectors.languages.language import repeated
from realtime.detectors.languages.language import set_of

_DIGITS: Final = listed("zero one two three four five six seven eight nine")
_ZEROS: Final = dict.fromkeys(("oh", "o", "nought", "naught", "nil"), "0")
_TEENS: Final = listed("ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen", 10)
_TENS: Final = listed("twenty thirty forty fifty sixty seventy eighty ninety", 20, 10) | {"fourty": "40"}
_UNITS: Final = {word: digit for word, digit in _DIGITS.items() if digit != "0"}
_PAIRS: Final = {f"{ten} {unit}": tens[0] + digit for ten, tens in _TENS.items() for unit, digit in _UNITS.items()}
_HUNDREDS: Final = {f"{word} hundred": number + "00" for word, number in (_UNITS | _TEENS).items()}
_OCTETS: Final = {
    f"{hundred} hundred{link} {rest}": digit + number
    for hundred, digit in (("one", "1"), ("two", "2"))
    for link in ("", " and")
    for rest, number in (_TEENS | _TENS | _PAIRS).items()
}
"""`one hundred ninety two`, as in addresses of computers; larger hundreds are rather followed by the next number."""
_THOUSANDS: Final = {f"{word} thousand": number + "000" for word, number in _UNITS.items()}
_TIMES: Final = {"double": 2, "triple": 3, "treble": 3, "quadruple": 4}

ENGLISH: Final = Language(
    code="en",
    numbers=joined((_DIGITS, _ZEROS, _TEENS, _TENS, _PAIRS, _HUNDREDS, _OCTETS, _THOUSANDS, repeated(_TIMES, _DIGITS | _ZEROS))),
    signs=phrases(
        {
            "dot": ".",
            "point": ".",
            "period": ".",
            "dash": "-",
            "hyphen": "-",
            "minus": "-",
            "plus": "+",
            "plus sign": "+",
            "underscore": "_",
            "under score": "_",
            "slash": "/",
        }
    ),
    at=set_of("at, at sign, at symbol"),
    dots=set_of("dot, period, point"),
    pauses=set_of("uh, um, er, erm, ah, hmm, mm, and, then, so, okay, ok, yeah, yes, comma, space, next"),
    verbs=set_of(
        "me, us, you, him, her, them, it, look, looking, looked, find, found, visit, available, online, go, going, check, checked, log,"
        "logged, sign, signed, shop, register, registered, book, buy, apply, work, works, working, is, are, was, be, here, there, out, up,"
        "over, more, now, today, right, live, lives, start, started, stay, read, see, seen, download, hosted, page, site, website, store,"
        "arrive, headquartered"
    ),
)
