"""Audio formats and the arithmetic from bytes to seconds; audio itself is never decoded here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Encoding = Literal["pcm16", "pcmu", "pcma", "other"]

_BYTES_PER_SAMPLE: dict[Encoding, int] = {"pcm16": 2, "pcmu": 1, "pcma": 1}


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """A declared format; `rate` in Hz. `other` (mp3, wav, opus) has no fixed byte rate, so no seconds."""

    encoding: Encoding
    rate: int
    channels: int = 1

    def seconds(self, size: int) -> float | None:
        """Duration of `size` bytes, or None where the encoding has no fixed byte rate."""
        width = _BYTES_PER_SAMPLE.get(self.encoding)
        return size / (width * self.rate * self.channels) if width else None


PCM16_24K = AudioFormat("pcm16", 24_000)
PCM16_16K = AudioFormat("pcm16", 16_000)


def base64_size(length: int, padding: int = 0) -> int:
    """Bytes behind a base64 text of `length` characters of which `padding` are `=`."""
    return length * 3 // 4 - padding
