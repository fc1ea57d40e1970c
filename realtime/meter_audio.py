"""The audio that really crossed the proxy, in bytes and in seconds of the format declared at that time.

Where a client has asked for a format that the provider has not confirmed yet, the reading that yields more seconds
counts, so that a declaration the provider refuses cannot shorten the bill.
"""

from __future__ import annotations

from realtime.audio import AudioFormat
from realtime.signals import AudioIn
from realtime.signals import AudioOut
from realtime.signals import ProviderError
from realtime.signals import SessionConfig
from realtime.signals import Signal


class _Direction:
    """One direction: its formats, and what was counted so far. A format without a byte rate counts bytes only."""

    __slots__ = ("asked", "confirmed", "seconds", "size")

    def __init__(self, declared: AudioFormat | None) -> None:
        self.confirmed = declared
        self.asked: AudioFormat | None = None
        self.size = 0
        self.seconds = 0.0

    def add(self, size: int, stated: AudioFormat | None) -> None:
        self.size += size
        declared = stated or self.confirmed
        seconds = declared.seconds(size) if declared else None
        if self.asked is not None and stated is None:
            seconds = max(seconds or 0.0, self.asked.seconds(size) or 0.0)
        if seconds:
            self.seconds += seconds

    def declare(self, declared: AudioFormat | None, confirmed: bool) -> None:
        if confirmed:
            self.confirmed = declared or self.asked or self.confirmed
            self.asked = None
        elif declared is not None:
            self.asked = declared if declared != self.confirmed else None


class AudioMeter:
    """Feed it every signal of a session. `formats` are the dialect's own, in force until something else is declared."""

    __slots__ = ("_in", "_out")

    def __init__(self, formats: tuple[AudioFormat | None, AudioFormat | None] = (None, None)) -> None:
        self._in = _Direction(formats[0])
        self._out = _Direction(formats[1])

    def add(self, signal: Signal) -> None:
        """Count audio, follow declared formats; every other signal is ignored."""
        kind = type(signal)
        if kind is AudioIn:
            self._in.add(signal.size, signal.format)  # type: ignore[union-attr]
        elif kind is AudioOut:
            self._out.add(signal.size, signal.format)  # type: ignore[union-attr]
        elif isinstance(signal, SessionConfig):
            self._in.declare(signal.input_format, signal.confirmed)
            self._out.declare(signal.output_format, signal.confirmed)
        elif isinstance(signal, ProviderError):
            self._in.asked = self._out.asked = None

    @property
    def bytes_in(self) -> int:
        """Bytes the client appended."""
        return self._in.size

    @property
    def bytes_out(self) -> int:
        """Bytes of audio the provider answered."""
        return self._out.size

    @property
    def seconds_in(self) -> float:
        """Seconds the client appended, without what had no byte rate."""
        return self._in.seconds

    @property
    def seconds_out(self) -> float:
        """Seconds the provider answered, without what had no byte rate."""
        return self._out.seconds
