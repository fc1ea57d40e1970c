"""Voice activity detection by energy: when speech starts and stops in appended audio, in milliseconds since the first sample.

Positions are those of the audio, not of the clock, so audio sent faster than real time is judged the same.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from sys import byteorder
from typing import Any
from typing import Final

from realtime.audio import AudioFormat
from realtime.g711 import LAWS

FRAME_MS: Final = 20
_LOUD_FRAMES: Final = 3
_STRIDE: Final = 7
"""Every seventh sample is enough to tell a voice from a quiet line."""

_FULL_SCALE: Final = 0.02
"""Mean amplitude (of 1.0) that counts as speech at threshold 1.0; the default threshold of 0.5 asks for half of it."""

_EAGERNESS: Final = {"low": 1_200, "medium": 700, "auto": 700, "high": 300}
"""Milliseconds of silence that end a turn of `semantic_vad`; there are no semantics to go by here."""


@dataclass(frozen=True, slots=True)
class Started:
    """Speech began; `at_ms` already includes the prefix padding."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class Stopped:
    """Speech ended; `at_ms` includes the silence that showed it, `start_ms` is that of the matching `Started`."""

    at_ms: int
    start_ms: int


@dataclass(frozen=True, slots=True)
class Tuning:
    """The knobs of `turn_detection`."""

    threshold: float = 0.5
    prefix_ms: int = 300
    silence_ms: int = 500

    @classmethod
    def of(cls, detection: dict[str, Any]) -> Tuning:
        """Of an effective `turn_detection` object, either kind."""
        if detection["type"] == "semantic_vad":
            return cls(silence_ms=_EAGERNESS[detection["eagerness"]])
        return cls(detection["threshold"], detection["prefix_padding_ms"], detection["silence_duration_ms"])


class VoiceDetector:
    """Feed it audio as it comes; it tells the edges of speech. `at_ms` is where it starts counting."""

    def __init__(self, form: AudioFormat, tuning: Tuning, at_ms: int = 0) -> None:
        self._form = form
        self._tuning = tuning
        self._size = form.rate * FRAME_MS // 1000 * (2 if form.encoding == "pcm16" else 1)
        self._rest = b""
        self._at_ms = at_ms
        self._loud = 0
        self._quiet = 0
        self._start: int | None = None

    def feed(self, audio: bytes) -> Iterator[Started | Stopped]:
        """The edges within `audio`, in order. An incomplete frame waits for the next call."""
        audio = self._rest + audio
        whole = len(audio) - len(audio) % self._size
        self._rest = audio[whole:]
        for offset in range(0, whole, self._size):
            self._at_ms += FRAME_MS
            edge = self._judge(self._level(audio[offset : offset + self._size]) > self._tuning.threshold * _FULL_SCALE)
            if edge is not None:
                yield edge

    def _judge(self, loud: bool) -> Started | Stopped | None:
        self._loud = self._loud + 1 if loud else 0
        self._quiet = 0 if loud else self._quiet + 1
        if self._start is None:
            return self._begin() if self._loud >= _LOUD_FRAMES else None
        return self._end() if self._quiet * FRAME_MS >= self._tuning.silence_ms else None

    def _begin(self) -> Started:
        self._start = max(0, self._at_ms - _LOUD_FRAMES * FRAME_MS - self._tuning.prefix_ms)
        return Started(self._start)

    def _end(self) -> Stopped:
        start, self._start = self._start or 0, None
        return Stopped(self._at_ms, start)

    def _level(self, frame: bytes) -> float:
        """Mean amplitude, 0.0 to 1.0."""
        if self._form.encoding in LAWS:
            return sum(frame.translate(LAWS[self._form.encoding].magnitudes)) / len(frame) / 256
        samples = array("h", frame)
        if byteorder == "big":
            samples.byteswap()
        few = samples[::_STRIDE]
        return sum(map(abs, few)) / len(few) / 32_768
