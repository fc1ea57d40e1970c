"""What callers and the provider say: one second of Opus, half of it a voice-like tone and half of it near silence, encoded once.

The packets are real Opus, because a relay that transcodes has to decode them; 82 bytes on average, as browsers send for speech.
"""

from __future__ import annotations

import math
import random
from array import array
from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from typing import Final

from av import AudioFrame
from av import CodecContext
from av.audio.codeccontext import AudioCodecContext

RATE: Final = 48_000
SAMPLES: Final = 960
"""In one packet: 20 ms."""

PER_SECOND: Final = RATE // SAMPLES
CYCLE: Final = PER_SECOND
"""Packets after which the sound repeats; the first of each cycle is the first loud one."""

_BITS: Final = 42_000
_WARM: Final = 2 * CYCLE


def _frame(number: int, noise: random.Random) -> AudioFrame:
    loud, start = number % CYCLE < CYCLE // 2, number * SAMPLES
    tone = (8_000 * math.sin(2 * math.pi * 220 * (start + index) / RATE) + noise.gauss(0, 2_000) for index in range(SAMPLES))
    frame = AudioFrame(format="s16", layout="mono", samples=SAMPLES)
    frame.planes[0].update(array("h", map(int, tone)).tobytes() if loud else bytes(2 * SAMPLES))
    frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
    return frame


def _encoded(frames: int) -> Iterator[bytes]:
    codec = CodecContext.create("libopus", "w")
    assert isinstance(codec, AudioCodecContext)
    codec.bit_rate, codec.format, codec.layout, codec.sample_rate = _BITS, "s16", "mono", RATE
    codec.time_base, codec.options = Fraction(1, RATE), {"application": "voip"}
    noise = random.Random(1)
    for number in range(frames):
        yield from map(bytes, codec.encode(_frame(number, noise)))


@cache
def packets() -> tuple[bytes, ...]:
    """One cycle of Opus payloads, taken once the encoder has settled."""
    return tuple(_encoded(_WARM + 2 * CYCLE))[_WARM : _WARM + CYCLE]
