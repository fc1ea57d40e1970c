"""A text as detectors compare it: the digits of all scripts, spaces, dashes and signs as ASCII has them, each in its place."""

from __future__ import annotations

import unicodedata
from typing import Final

_DIGITS: Final = {sign: str(unicodedata.decimal(sign)) for sign in filter(str.isdecimal, map(chr, range(0x80, 0x1FC00)))}
_SPACES: Final = dict.fromkeys(
    "\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u200b\u200c\u200d\u202f\u2060\u3000\ufeff", " "
)
_DASHES: Final = dict.fromkeys("\u00ad\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d", "-")
_SIGNS: Final = {"＠": "@", "．": ".", "＋": "+", "／": "/", "，": ","}
_PLAIN: Final = {ord(sign): plain for sign, plain in (_DIGITS | _SPACES | _DASHES | _SIGNS).items()}
_FOREIGN: Final = frozenset(map(chr, _PLAIN))


def plain(text: str) -> str:
    """`text` with digits of all scripts, spaces and dashes as in ASCII, character for character."""
    return text if text.isascii() or _FOREIGN.isdisjoint(text) else text.translate(_PLAIN)
