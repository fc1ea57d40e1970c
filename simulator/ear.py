"""What a caller says: the track of a call decoded, measured, and handed on as PCM16 at 24 kHz.

Time without packets counts as silence, so that a caller who falls quiet, or stops sending, has ended his turn.
"""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Callable
from collections.abc import Iterator
from math import sqrt
from sys import byteorder
from typing import Final

from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame
from av import AudioResampler

from realtime.audio import PCM16_24K
from simulator.audio import silence

_QUIET_SECONDS: Final = 1.0
_MOST_SILENCE_MS: Final = 2_000
_FULL_SCALE: Final = 32_768
_STRIDE: Final = 5
"""Every fifth sample is enough to measure a level."""


class Ear:
    """Figures of the sound that came in: `packets` decoded, `seconds` of them, `rms` of all and `peak_rms` of the loudest, 0.0 to 1.0."""

    def __init__(self, hear: Callable[[bytes], None]) -> None:
        self.packets = 0
        self.seconds = 0.0
        self.peak_rms = 0.0
        self._hear = hear
        self._squares = 0.0
        self._samples = 0
        self._expected: int | None = None
        self._filled_ms = 0
        self._resampler = AudioResampler(format="s16", layout="mono", rate=PCM16_24K.rate)

    @property
    def rms(self) -> float:
        """Of all sound so far."""
        return sqrt(self._squares / self._samples) if self._samples else 0.0

    async def listen(self, track: MediaStreamTrack) -> None:
        """Hears the track until it ends."""
        while True:
            try:
                frame = await asyncio.wait_for(track.recv(), _QUIET_SECONDS)
            except TimeoutError:
                self._filled_ms += int(_QUIET_SECONDS * 1000)
                self._hear(silence(int(_QUIET_SECONDS * 1000)))
            except MediaStreamError:
                self._hear(silence(_MOST_SILENCE_MS))
                return
            else:
                if isinstance(frame, AudioFrame):
                    self._take(frame)

    def _take(self, frame: AudioFrame) -> None:
        missing = self._missing_ms(frame)
        if missing:
            self._hear(silence(missing))
        self.packets += 1
        self.seconds += frame.samples / frame.sample_rate
        for sound in self._resampled(frame):
            self._measure(sound)
            self._hear(sound)

    def _missing_ms(self, frame: AudioFrame) -> int:
        """What lies between the last frame and this one, as far as it was not filled already."""
        position = frame.pts or 0
        gap = 0 if self._expected is None else position - self._expected
        self._expected = position + frame.samples
        missing = max(0, gap * 1000 // frame.sample_rate - self._filled_ms)
        self._filled_ms = 0
        return min(missing, _MOST_SILENCE_MS)

    def _resampled(self, frame: AudioFrame) -> Iterator[bytes]:
        for each in self._resampler.resample(frame):
            yield bytes(each.planes[0])[: each.samples * 2]

    def _measure(self, sound: bytes) -> None:
        samples = array("h", sound)
        if byteorder == "big":
            samples.byteswap()
        few = samples[::_STRIDE]
        if few:
            squares = sum(sample * sample for sample in few) / _FULL_SCALE**2
            self._squares += squares
            self._samples += len(few)
            self.peak_rms = max(self.peak_rms, sqrt(squares / len(few)))
