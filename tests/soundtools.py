"""Tones, and what of them is found again in a recording."""

from __future__ import annotations

import math
import sys
import wave
from array import array
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

assert sys.byteorder == "little"


class Recorded(NamedTuple):
    """A WAV file: its channels as samples."""

    rate: int
    channels: list[array[int]]

    @property
    def samples(self) -> array[int]:
        """Of a file with one channel."""
        (only,) = self.channels
        return only

    @property
    def seconds(self) -> float:
        return len(self.channels[0]) / self.rate

    def part(self, channel: int, begin: float, end: float) -> array[int]:
        return self.channels[channel][round(begin * self.rate) : round(end * self.rate)]

    def pitch(self, channel: int, begin: float, end: float) -> float:
        """Upward crossings of zero a second."""
        return sum(a < 0 <= b for a, b in pairwise(self.part(channel, begin, end))) / (end - begin)

    def loudness(self, channel: int, begin: float, end: float) -> float:
        part = self.part(channel, begin, end)
        return math.sqrt(sum(value * value for value in part) / max(1, len(part)))

    def sounding(self, channel: int, threshold: int = 500) -> tuple[float, float]:
        """From when to when there is sound."""
        loud = [index for index, value in enumerate(self.channels[channel]) if abs(value) > threshold]
        return loud[0] / self.rate, (loud[-1] + 1) / self.rate


def wav(path: Path) -> Recorded:
    with wave.open(str(path)) as file:
        assert file.getsampwidth() == 2
        both = array("h", file.readframes(file.getnframes()))
        count = file.getnchannels()
        return Recorded(file.getframerate(), [both[channel::count] for channel in range(count)])


def tone(hertz: float, seconds: float, rate: int = 24_000, *, start: float = 0.0) -> array[int]:
    """A loud sine; `start` is where in its course it begins."""
    first, turning = round(start * rate), 2 * math.pi * hertz / rate
    return array("h", (round(9_000 * math.sin(turning * index)) for index in range(first, first + round(seconds * rate))))
