"""Sound as PCM16, one channel: out of what messages carry, and from one rate to another."""

from __future__ import annotations

import binascii
from array import array
from collections.abc import Iterator
from typing import TYPE_CHECKING
from typing import BinaryIO
from typing import Final

from realtime.audio import AudioFormat
from realtime.g711 import LAWS

if TYPE_CHECKING:
    from av import AudioFrame

WIDTH: Final = 2
"""Bytes of a sample, the lower one first."""
_URL_SAFE: Final = bytes.maketrans(b"-_", b"+/")


def unwrapped(data: bytes) -> bytes:
    """The bytes behind base64 in either alphabet, with or without its padding; what is no base64 is nothing."""
    text = data.translate(_URL_SAFE)
    try:
        return binascii.a2b_base64(text + b"=" * (-len(text) % 4))
    except binascii.Error:
        return b""


class Reader:
    """Turns the messages of one side into samples. Bytes that are half a sample are kept for the next message."""

    def __init__(self) -> None:
        self._format: AudioFormat | None = None
        self._rest = b""

    def pcm(self, data: bytes, form: AudioFormat) -> bytes:
        """The samples of the next message, at the rate of its format."""
        rest = self._rest if form == self._format else b""
        self._format = form
        if form.encoding in LAWS:
            self._rest = b""
            return _mono(LAWS[form.encoding].decode(data), form.channels)
        data = rest + data
        whole = len(data) - len(data) % (WIDTH * form.channels)
        self._rest = data[whole:]
        return _mono(data[:whole], form.channels)


def _mono(pcm: bytes, channels: int) -> bytes:
    if channels == 1:
        return pcm
    both = array("h", pcm)
    return array("h", ((left + right) >> 1 for left, right in zip(both[0::2], both[1::2], strict=True))).tobytes()


class Resampler:
    """From one rate to another, as one stream; nothing is done where they are the same."""

    def __init__(self, before: int, after: int) -> None:
        self._before = before
        self._after = after
        self._made = None if before == after else _Swresample(before, after)

    def feed(self, pcm: bytes) -> bytes:
        """What is ready of the stream after these samples."""
        return pcm if self._made is None else self._made.feed(pcm)

    def flush(self) -> bytes:
        """The rest."""
        return b"" if self._made is None else self._made.flush()


class _Swresample:
    """FFmpeg's resampler, loaded where one is needed."""

    def __init__(self, before: int, after: int) -> None:
        import av

        self._frame = av.AudioFrame
        self._rate = before
        self._resampler = av.AudioResampler("s16", "mono", after)

    def feed(self, pcm: bytes) -> bytes:
        if not pcm:
            return b""
        frame = self._frame(format="s16", layout="mono", samples=len(pcm) // WIDTH)
        frame.sample_rate = self._rate
        frame.planes[0].update(pcm.ljust(frame.planes[0].buffer_size, b"\0"))
        return b"".join(map(_bytes, self._resampler.resample(frame)))

    def flush(self) -> bytes:
        return b"".join(map(_bytes, self._resampler.resample(None)))


def opus(file: BinaryIO, rate: int) -> Iterator[bytes]:
    """The sound of an Ogg file of a call. Raises ValueError where it cannot be read further."""
    import av

    resampler = av.AudioResampler("s16", "mono", rate)
    try:
        with av.open(file, "r", format="ogg") as container:
            for frame in container.decode(audio=0):
                frame.pts = None
                yield from map(_bytes, resampler.resample(frame))
        yield from map(_bytes, resampler.resample(None))
    except av.error.FFmpegError as error:
        raise ValueError(f"{error.strerror}, as FFmpeg says") from None


def _bytes(frame: AudioFrame) -> bytes:
    return bytes(frame.planes[0])[: frame.samples * WIDTH]
