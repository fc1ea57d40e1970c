"""Text from the wire made safe for a terminal: no escape sequences, no control characters, no bidirectional overrides."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_ESCAPE: Final = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor, clearing
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"  # OSC, DCS, SOS, PM, APC: titles, links, clipboard
    r"|\x1b[ -/]*[0-~]"  # the two-character ones
)
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_BREAKS: Final = frozenset({"Zl", "Zp", "Zs"})


def plain(value: object, limit: int | None = None) -> str:
    """One line of `value`: escapes and invisible characters gone, every break a space, cut at `limit` with an ellipsis."""
    text = "".join(_sign(sign) for sign in _ESCAPE.sub("", str(value)))
    return text if limit is None or len(text) <= limit else text[: limit - 1] + "…"


def _sign(sign: str) -> str:
    category = unicodedata.category(sign)
    if sign in "\n\r\t" or category in _BREAKS:
        return " "
    return "" if category in _UNSEEN else sign
