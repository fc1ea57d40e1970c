"""Sound that cannot be what was declared: a file's header in it, half a sample, the steady pace of another format.

Reads sizes, times and the first bytes of a message; only what seems to end in half a sample is decoded. What could be ordinary
traffic is no hint: the pace counts only where sound came without a gap for two spans, in both of them to one per cent at that of
another format.
"""

from __future__ import annotations

from base64 import b64decode
from typing import Final

import msgspec

from realtime.audio import AudioFormat
from realtime.audio import Sound
from realtime.dialects.fields import raw_text
from realtime.hints.hint import Hint

SPAN: Final = 10.0
"""Seconds over which a pace is measured, twice."""
GAP: Final = 0.5
"""Seconds without sound after which it is no steady stream any more."""
MOST: Final = 96_000
"""Bytes of one message that may be live sound; a larger one is a recording that is sent in pieces."""
CLOSE: Final = 0.01

_PACES: Final[dict[int, str]] = {
    8_000: "G.711 at 8 kHz",
    16_000: "16-bit PCM at 8 kHz",
    32_000: "16-bit PCM at 16 kHz",
    48_000: "16-bit PCM at 24 kHz",
    88_200: "16-bit PCM at 44.1 kHz",
    96_000: "16-bit PCM at 48 kHz, or at 24 kHz with two channels",
}
"""Bytes a second of what apps send."""
_HEADERS: Final[dict[bytes, tuple[bytes, str]]] = {
    b"UklGR": (b"RIFF", "a WAV file"),
    b"T2dnU": (b"OggS", "an Ogg file"),
    b"GkXfo": (b"\x1aE\xdf\xa3", "a WebM file"),
}
"""By their first five characters of base64: the first bytes of containers, and what they are."""
_NAMES: Final = {"pcm16": "16-bit PCM", "pcmu": "G.711 µ-law", "pcma": "G.711 A-law"}


class Sounds:
    """What the client appends, in the format that is in force; `judge` has a hint or None, `declare` starts afresh."""

    __slots__ = ("_declared", "_last", "_since", "_size", "_span")

    def __init__(self) -> None:
        self._declared: AudioFormat | None = None
        self._span: float | None = None
        """Bytes a second of the span before this one."""
        self._restart(0.0)

    def declare(self, declared: AudioFormat | None) -> None:
        """None where it is not known which format is in force."""
        if declared != self._declared:
            self._declared = declared
            self._restart(0.0)

    def judge(self, data: Sound, size: int, at: float, stated: AudioFormat | None) -> Hint | None:
        """A message of `size` bytes of sound, which came at `at`; `stated` is the format that it names itself."""
        if stated is not None:
            self.declare(stated)
        declared = self._declared
        if declared is None or declared.encoding == "other":
            return None
        return _header(data, declared) or _half(data, size, declared) or self._paced(size, at, declared)

    def _restart(self, at: float) -> None:
        self._since = self._last = at
        self._size = 0
        self._span = None

    def _paced(self, size: int, at: float, declared: AudioFormat) -> Hint | None:
        if size > MOST or at - self._last > GAP:
            self._restart(at)
            return None
        self._last = at
        self._size += size
        lasted = at - self._since
        if lasted < SPAN:
            return None
        pace, before = self._size / lasted, self._span
        self._since, self._size, self._span = at, 0, pace
        found = _known(pace)
        expected = size / (declared.seconds(size) or 1.0)
        if found is None or before is None or found != _known(before) or _near(found, expected):
            return None
        return Hint(
            "audio_pace",
            f"the sound is declared as {_named(declared)} and arrives steadily at {found:,} bytes a second, the pace of {_PACES[found]}",
            "Declare the format that the microphone delivers, or resample it to the declared one.",
            "info",
        )


def _known(pace: float) -> int | None:
    return next((known for known in _PACES if _near(pace, known)), None)


def _near(one: float, other: float) -> bool:
    return abs(one - other) <= CLOSE * other


def _half(data: Sound, size: int, declared: AudioFormat) -> Hint | None:
    """The size comes of the length of the text, in which line ends or escapes may stand: an odd one is looked at more closely."""
    if declared.encoding != "pcm16" or not size % 2 or not _is_clean(data):
        return None
    return Hint(
        "audio_odd_bytes",
        f"a piece of {size:,} bytes is declared as {_named(declared)}, whose samples have two bytes each",
        "Cut the sound between samples, and check that it is 16-bit PCM.",
    )


def _is_clean(data: Sound) -> bool:
    if isinstance(data, bytes):
        return True
    try:
        return len(b64decode(data if isinstance(data, str) else raw_text(data), validate=True)) % 2 == 1
    except ValueError:
        return False


def _header(data: Sound, declared: AudioFormat) -> Hint | None:
    encoded = _start(data)
    found = _HEADERS.get(encoded[:5])
    if found is None:
        return None
    try:
        first = b64decode(encoded, validate=True)
    except ValueError:
        return None
    if not first.startswith(found[0]) or (found[0] == b"RIFF" and first[8:12] != b"WAVE"):
        return None
    return Hint(
        "audio_header",
        f"the sound is declared as {_named(declared)} and begins with the header of {found[1]}",
        "Send the bare samples without the file around them.",
    )


def _start(data: Sound) -> bytes:
    """The first 16 characters of base64; nothing where the bytes are the sound itself."""
    if isinstance(data, str):
        return data[:16].encode(errors="replace")
    return bytes(memoryview(data)[1:17]) if isinstance(data, msgspec.Raw) else b""


def _named(declared: AudioFormat) -> str:
    return f"{_NAMES[declared.encoding]} at {declared.rate:,} Hz"
