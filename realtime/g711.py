"""G.711 companding (ITU-T G.711): what each code means, and the nearest code of a 16-bit sample.

The tables are made from the definition once; encoding looks the nearest decoded value up in them, decoding is two
translations of bytes.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from collections.abc import Iterable
from typing import Final

_BIAS: Final = 0x84


def _ulaw(code: int) -> int:
    code = ~code & 0xFF
    size = (((code & 0x0F) << 3) + _BIAS) << ((code & 0x70) >> 4)
    return _BIAS - size if code & 0x80 else size - _BIAS


def _alaw(code: int) -> int:
    code ^= 0x55
    segment = (code & 0x70) >> 4
    size = ((code & 0x0F) << 4) + (8 if segment == 0 else 0x108)
    size <<= max(0, segment - 1)
    return size if code & 0x80 else -size


class Law:
    """One companding law: `magnitudes` maps a code to its loudness (0-255), `encode` makes codes of 16-bit samples."""

    __slots__ = ("_codes", "_high", "_low", "_values", "magnitudes")

    def __init__(self, decode: Callable[[int], int]) -> None:
        ordered = sorted((decode(code), code) for code in range(256))
        self._values = [value for value, _ in ordered]
        self._codes = [code for _, code in ordered]
        self._low = bytes(decode(code) & 0xFF for code in range(256))
        self._high = bytes(decode(code) >> 8 & 0xFF for code in range(256))
        self.magnitudes = bytes(min(abs(decode(code)) >> 7, 255) for code in range(256))

    def encode(self, samples: Iterable[int]) -> bytes:
        """One byte a sample."""
        return bytes(self._nearest(sample) for sample in samples)

    def decode(self, codes: bytes) -> bytes:
        """PCM16 of these codes, two bytes a sample, the lower one first."""
        pcm = bytearray(2 * len(codes))
        pcm[0::2] = codes.translate(self._low)
        pcm[1::2] = codes.translate(self._high)
        return bytes(pcm)

    def _nearest(self, sample: int) -> int:
        above = min(bisect_left(self._values, sample), 255)
        below = max(above - 1, 0)
        nearer_below = sample - self._values[below] < self._values[above] - sample
        return self._codes[below if nearer_below else above]


LAWS: Final = {"pcmu": Law(_ulaw), "pcma": Law(_alaw)}
