"""Addresses of computers: IPv4 and IPv6."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Final

from realtime.detectors.detector import Detector
from realtime.detectors.forms import Around
from realtime.detectors.forms import Pattern
from realtime.regex import Regex

_VERSION: Final = Around(unless=Regex(r"(?i)(?:\bversi[oó]ns?|\brelease|\bbuild|\bfirmware|\bv|version is|\bsection|\bchapter)[ .:]*$"))
_FOUR: Final = Regex(r"\b[0-9]{1,3}(?:\.[0-9]{1,3}){3,}\b")
_SIX: Final = Regex(r"\b[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{0,4}){2,7}")
_FEWEST_DIGITS: Final = 2


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _is_six(text: str) -> bool:
    """`a::b` is no more than punctuation of a program."""
    return sum(map(str.isdecimal, text)) >= _FEWEST_DIGITS and _is_address(text)


NETWORK: Final = (
    Detector(
        "ip",
        "IP addresses",
        "medium",
        (Pattern(_FOUR, _is_address, _VERSION), Pattern(_SIX, _is_six)),
        longest=140,
        spoken=True,
        digits=True,
    ),
)
