"""One side of a session on its time line: a file of samples while the products are made, silence where nothing was written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from store.files import open_anew
from store.pcm import WIDTH
from store.pcm import Resampler


class Track:
    """PCM16, one channel, at `rate`; a sample's place is its number since the session began. At most `limit` samples."""

    def __init__(self, path: Path, rate: int, limit: int) -> None:
        self.path = path
        self.rate = rate
        self.limit = limit
        self.length = 0
        self.truncated = False
        self._descriptor = open_anew(path)

    @property
    def seconds(self) -> float:
        return self.length / self.rate

    def write(self, start: int, pcm: bytes) -> None:
        """Put samples to their place. Raises OSError."""
        room = max(0, self.limit - start) * WIDTH
        if len(pcm) > room:
            self.truncated = True
            pcm = pcm[:room]
        view, place = memoryview(pcm), start * WIDTH
        while view:
            done = os.pwrite(self._descriptor, view, place)
            view, place = view[done:], place + done
        if pcm:
            self.length = max(self.length, start + len(pcm) // WIDTH)

    def silence(self, start: int, end: int) -> None:
        """Nothing is heard between two places. Raises OSError."""
        for place in range(start, min(end, self.length), self.rate):
            self.write(place, bytes(min(self.rate, min(end, self.length) - place) * WIDTH))

    def read(self, start: int, count: int) -> bytes:
        """So many samples from a place on, silence after the end. Raises OSError."""
        wanted, found = count * WIDTH, b""
        while len(found) < wanted and (more := os.pread(self._descriptor, wanted - len(found), start * WIDTH + len(found))):
            found += more
        return found.ljust(wanted, b"\0")

    def blocks(self, rate: int, size: int) -> Iterator[bytes]:
        """The whole track at a rate, in blocks of `size` samples; the last one is shorter."""
        resampler, ready = Resampler(self.rate, rate), b""
        for start in range(0, self.length, size):
            ready += resampler.feed(self.read(start, min(size, self.length - start)))
            while len(ready) >= size * WIDTH:
                yield ready[: size * WIDTH]
                ready = ready[size * WIDTH :]
        ready += resampler.flush()
        yield from (ready[at : at + size * WIDTH] for at in range(0, len(ready), size * WIDTH))

    def close(self) -> None:
        """Remove the file."""
        os.close(self._descriptor)
        self.path.unlink(missing_ok=True)
