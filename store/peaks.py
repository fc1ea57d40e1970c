"""How loud a track is over its time, for drawing: the lowest and the highest sample of each of at most so many buckets."""

from __future__ import annotations

from math import ceil
from typing import Any
from typing import Final

from store.track import Track

MOST_BUCKETS: Final = 12_000
LEAST_SECONDS: Final = 0.02
_SIGN: Final = bytes(byte ^ 0x80 for byte in range(256))
"""Makes the order of bytes that of the signed numbers they stand for."""


def bucket_seconds(seconds: float) -> float:
    """How long a bucket is in a recording of this length: 20 ms, more where that would be too many."""
    return max(LEAST_SECONDS, ceil(seconds / MOST_BUCKETS * 1000) / 1000)


def peaks(track: Track | None, seconds: float, bucket: float) -> dict[str, Any]:
    """`{min, max}`: a list of -128..127 each, one number a bucket. Raises OSError."""
    lows: list[int] = []
    highs: list[int] = []
    for number in range(_count(seconds, bucket) if track else 0):
        assert track is not None
        start, end = round(number * bucket * track.rate), round((number + 1) * bucket * track.rate)
        loud = track.read(start, end - start)[1::2].translate(_SIGN)
        lows.append(min(loud) - 128)
        highs.append(max(loud) - 128)
    return {"min": lows, "max": highs}


def _count(seconds: float, bucket: float) -> int:
    return ceil(round(seconds / bucket, 6))
