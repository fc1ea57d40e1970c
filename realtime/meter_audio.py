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

    __slots__ = ("_before", "_pending", "asked", "confirmed", "size")

    def __init__(self, declared: AudioFormat | None) -> None:
        self.confirmed = declared
        self.asked: AudioFormat | None = None
        self.size = 0
        self._before = 0.0
        self._pending = 0
        """Bytes since the formats last changed, so that a message only costs an addition."""

    def add(self, size: int, stated: AudioFormat | None) -> None:
        self.size += size
        if stated is None:
            self._pending += size
        else:
            self._before += stated.seconds(size) or 0.0

    @property
    def seconds(self) -> float:
        declared = (self.confirmed.seconds(self._pending) if self.confirmed else None) or 0.0
        asked = (self.asked.seconds(self._pending) if self.asked else None) or 0.0
        return self._before + max(declared, asked)

    def drop_asked(self) -> None:
        """What was asked for was refused."""
        self._before, self._pending = self.seconds, 0
        self.asked = None

    def declare(self, declared: AudioFormat | None, confirmed: bool) -> None:
        self._before, self._pending = self.seconds, 0
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
            self._in.drop_asked()
            self._out.drop_asked()

    @property
    def format_in(self) -> AudioFormat | None:
        """How the client's audio is to be read now: as it asked for, which counts from its next message on, else as confirmed."""
        return self._in.asked or self._in.confirmed

    @property
    def format_out(self) -> AudioFormat | None:
        """How the provider's audio is to be read now; where a provider never confirms, as the client asked for."""
        return self._out.asked or self._out.confirmed

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
