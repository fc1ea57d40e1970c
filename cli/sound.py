"""The sound of a call without a device: a microphone that says what it is given, in real time, and an ear that measures what comes."""

from __future__ import annotations

import asyncio
import math
from array import array
from collections import deque
from fractions import Fraction
from itertools import islice
from typing import Final

from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame

from realtime.audio import AudioFormat

VOICE: Final = AudioFormat("pcm16", 48_000)
"""What a microphone is given: mono, the rate that Opus runs at."""

AUDIBLE_DB: Final = -45.0
SILENT_DB: Final = -96.0
_FRAME_SECONDS: Final = 0.02
_SAMPLES: Final = VOICE.rate // 50
_FRAME_BYTES: Final = 2 * _SAMPLES
_QUIET: Final = bytes(_FRAME_BYTES)
_FULL_SCALE: Final = 1 << 15


class Microphone(MediaStreamTrack):
    """50 frames a second, silent ones where there is nothing to say."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._frames: deque[bytes] = deque()
        self._said = asyncio.Event()
        self._begun = 0.0
        self._count = 0

    async def say(self, sound: bytes) -> None:
        """Say `sound` (of the format `VOICE`) after what is still being said; returns when all of it was."""
        whole = sound + bytes(-len(sound) % _FRAME_BYTES)
        self._frames.extend(whole[start : start + _FRAME_BYTES] for start in range(0, len(whole), _FRAME_BYTES))
        self._said.clear()
        await self._said.wait()

    async def recv(self) -> AudioFrame:
        """The next 20 ms, when it is their time. Raises MediaStreamError when the call is over."""
        if self.readyState != "live":
            raise MediaStreamError
        await self._pace()
        frame = AudioFrame(format="s16", layout="mono", samples=_SAMPLES)
        frame.planes[0].update(self._next())
        frame.sample_rate, frame.time_base, frame.pts = VOICE.rate, Fraction(1, VOICE.rate), self._count * _SAMPLES
        self._count += 1
        return frame

    async def _pace(self) -> None:
        now = asyncio.get_running_loop().time()
        self._begun = self._begun or now
        await asyncio.sleep(self._begun + self._count * _FRAME_SECONDS - now)

    def _next(self) -> bytes:
        if self._frames:
            return self._frames.popleft()
        self._said.set()
        return _QUIET


class Ear:
    """What was heard: `seconds` of sound came, `audible` of them louder than `AUDIBLE_DB`; `level` is that of the last 20 ms, in dBFS."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.audible = 0.0
        self.level = SILENT_DB
        self._changed = asyncio.Event()

    async def listen(self, track: MediaStreamTrack) -> None:
        """Hear a track until it ends."""
        try:
            while True:
                frame = await track.recv()
                assert isinstance(frame, AudioFrame)
                self._hear(frame)
        except MediaStreamError:
            return

    async def hears(self, seconds: float) -> None:
        """Wait until that many more audible seconds came."""
        enough = self.audible + seconds
        while self.audible < enough:
            self._changed.clear()
            await self._changed.wait()

    def _hear(self, frame: AudioFrame) -> None:
        channels = len(frame.layout.channels)
        samples = array("h", bytes(frame.planes[0]))
        first = list(islice(samples, 0, frame.samples * channels, channels))
        length = frame.samples / frame.sample_rate
        self.level = level_of(first)
        self.seconds += length
        self.audible += length if self.level > AUDIBLE_DB else 0.0
        self._changed.set()


def level_of(samples: list[int]) -> float:
    """The level of 16-bit samples in dBFS; `SILENT_DB` for none or silence."""
    power = math.sumprod(samples, samples) / len(samples) if samples else 0.0
    return max(SILENT_DB, 10 * math.log10(power / _FULL_SCALE**2)) if power else SILENT_DB
