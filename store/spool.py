"""What a session's sound is gathered in while it runs: one file, only ever appended to, that a later process can read to its last
complete entry.

An entry is a header and its data: sound as the message carried it, or a mark (JSON) that says what the sound belongs to.
Nothing is decoded here, so that gathering costs next to nothing.
"""

from __future__ import annotations

import logging
import os
import queue
import struct
import threading
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from typing import Final
from typing import NamedTuple

import msgspec

from realtime.audio import AudioFormat
from realtime.audio import Encoding
from realtime.audio import Sound
from store.files import open_private
from store.files import open_reading
from store.files import write_all
from store.soundfolder import SPOOL
from store.soundfolder import make

logger = logging.getLogger(__name__)

MARK, USER, MODEL = 0, 1, 2
_HEADER: Final = struct.Struct("<BBBBIdIII")
_ENCODINGS: Final[tuple[Encoding, ...]] = ("pcm16", "pcmu", "pcma")
_MOST_WAITING: Final = 64 << 20
"""Bytes of all sessions that may wait for the disk."""

Entry = tuple[int, float, Sound, AudioFormat | None, int, int]
"""Kind, seconds since the session began, data, format (sound alone), turn, item."""


class Found(NamedTuple):
    """An entry of a file: `data` starts at `offset`."""

    kind: int
    at: float
    format: AudioFormat
    base64: bool
    turn: int
    item: int
    offset: int
    size: int


def mark(at: float, **facts: Any) -> Entry:
    """An entry that says something about the sound."""
    return MARK, at, msgspec.json.encode(facts), None, 0, 0


def packed(entry: Entry) -> list[bytes | memoryview]:
    """An entry as it stands in the file."""
    kind, at, data, form, turn, item = entry
    payload, wrapped = _payload(data)
    encoding = _ENCODINGS.index(form.encoding) if form else 0
    rate, channels = (form.rate, form.channels) if form else (0, 0)
    return [_HEADER.pack(kind, encoding, wrapped, channels, rate, at, turn, item, len(payload)), payload]


def _payload(data: Sound) -> tuple[bytes | memoryview, bool]:
    if isinstance(data, bytes):
        return data, False
    if isinstance(data, str):
        return data.encode("ascii", "replace"), True
    return memoryview(data)[1:-1], True


def read(path: Path) -> Iterator[tuple[Found, bytes]]:
    """The complete entries of a file with their data. Raises OSError."""
    with open(open_reading(path), "rb") as file:
        whole = os.fstat(file.fileno()).st_size
        while len(header := file.read(_HEADER.size)) == _HEADER.size:
            kind, encoding, wrapped, channels, rate, at, turn, item, size = _HEADER.unpack(header)
            offset = file.tell()
            if offset + size > whole or encoding >= len(_ENCODINGS) or (kind != MARK and not rate * channels):
                return
            form = AudioFormat(_ENCODINGS[encoding], rate, channels)
            yield Found(kind, at, form, bool(wrapped), turn, item, offset, size), file.read(size)


class Spool:
    """One session's file. `failed` says why nothing more is written to it."""

    __slots__ = ("_descriptor", "data", "failed", "folder")

    def __init__(self, data: Path, folder: str) -> None:
        self.data = data
        self.folder = folder
        self.failed: str | None = None
        self._descriptor: int | None = None

    def append(self, entries: list[Entry]) -> None:
        """Write entries; the file is made with the first. Never raises."""
        if self.failed is not None:
            return
        try:
            if self._descriptor is None:
                self._descriptor = open_private(make(self.data, self.folder) / SPOOL)
            write_all(self._descriptor, b"".join(part for entry in entries for part in packed(entry)))
        except OSError as error:
            self.failed = error.strerror or str(error)
            logger.error("the sound in %s is not recorded any more: %s", self.folder, self.failed)

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


_Job = tuple[Spool, list[Entry], int, Callable[[], object] | None]


class SpoolWriter:
    """The thread that writes all spools, started with the first of them. Its methods are called from one other thread."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._put = 0
        self._written = 0

    def append(self, spool: Spool, entries: list[Entry], size: int) -> bool:
        """Have entries of `size` bytes written; False, and nothing done, where too much waits already."""
        if self._put - self._written + size > _MOST_WAITING:
            return False
        self._send((spool, entries, size, None))
        return True

    def close(self, spool: Spool, then: Callable[[], object]) -> None:
        """Close a spool when all of it is written, and call `then`, on the thread."""
        self._send((spool, [], 0, then))

    def stop(self) -> None:
        """Wait until everything is written."""
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join()
            self._thread = None

    def _send(self, job: _Job) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="sound spool", daemon=True)
            self._thread.start()
        self._put += job[2]
        self._jobs.put(job)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            spool, entries, size, then = job
            try:
                if entries:
                    spool.append(entries)
            except Exception as error:
                spool.failed = f"{type(error).__name__}: {error}"
                logger.exception("the sound in %s is not recorded any more", spool.folder)
            self._written += size
            if then is not None:
                spool.close()
                then()
