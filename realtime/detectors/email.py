"""E-mail addresses."""

from __future__ import annotations

from typing import Final

from realtime.detectors.detector import Detector
from realtime.detectors.forms import Around
from realtime.detectors.forms import Pattern
from realtime.regex import Regex

_ADDRESS: Final = Regex(r"[\p{L}0-9._%+-]+@[\p{L}0-9-]+(?:\.[\p{L}0-9-]+)*\.\p{L}{2,}")
_LOGIN: Final = Regex("://[^/@]*$")
"""The name or token before the host of a URL."""
_LONGEST: Final = 254
"""RFC 5321, 4.5.3.1.3, without the brackets."""
_SUFFIXES: Final = frozenset(("css", "gif", "jpeg", "jpg", "js", "png", "svg", "webp"))
"""Ends of file names such as logo@2x.png."""


def _is_address(text: str) -> bool:
    return len(text) <= _LONGEST and text.rpartition(".")[2].lower() not in _SUFFIXES


EMAILS: Final = (
    Detector(
        "email",
        "E-mail addresses",
        "high",
        (Pattern(_ADDRESS, _is_address, Around(unless=_LOGIN)),),
        longest=_LONGEST,
        spoken=True,
        marks=("@",),
    ),
)
