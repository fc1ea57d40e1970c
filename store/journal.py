"""One append-only file as its writer sees it: whole lines or nothing, durable when `append` returns, one writer at a time."""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from pathlib import Path

from store.errors import LogLocked
from store.files import end_of_lines
from store.files import last_line
from store.files import lock
from store.files import open_private
from store.files import sync_folder
from store.files import write_all
from store.lines import HEADER

logger = logging.getLogger(__name__)


class Journal:
    """A file that is opened, and locked, when it is first written to or when `open` is called."""

    rank = 1
    """Files of a lower rank are written before those of a higher one."""

    def __init__(self, path: Path, *, header: bytes = HEADER) -> None:
        self.path = path
        self.header = header
        """What is written at the beginning of a file that is empty."""
        self.size = 0
        """Bytes that are whole lines and durable; what stands behind them is not acknowledged."""
        self.torn = 0
        """Bytes of an unfinished last line that were cut off when the file was opened."""
        self._last: bytes | None = None
        self._descriptor: int | None = None

    @property
    def last(self) -> bytes:
        """The last durable line without its end; empty where there is none, or the file was not opened yet."""
        if self._last is None and self._descriptor is not None:
            self._last = last_line(self._descriptor, self.size)
        return self._last or b""

    def open(self, wait: float = 0.0) -> int:
        """Open and lock the file, cut an unfinished last line; returns the descriptor. Raises OSError, LogLocked."""
        while self._descriptor is None:
            descriptor = open_private(self.path)
            try:
                lock(descriptor, wait)
                if _is_at(descriptor, self.path):
                    self._cut(descriptor)
                    self._descriptor = descriptor
            except BlockingIOError:
                raise LogLocked(f"{self.path}: another process is writing to it; stop it or wait until it is done") from None
            finally:
                if self._descriptor is None:
                    os.close(descriptor)
        return self._descriptor

    def append(self, lines: bytes) -> None:
        """Write whole lines and wait until they are on the disk. Raises OSError, with none of them in the file."""
        descriptor = self.open()
        new = self.size == 0
        data = self.header + lines if new else lines
        try:
            self._restore(descriptor)
            write_all(descriptor, data)
            os.fsync(descriptor)
            if new:
                sync_folder(self.path.parent)
        except OSError:
            with suppress(OSError):  # tried again before the next write
                self._restore(descriptor)
            raise
        self.size += len(data)
        self._last = data[data.rfind(b"\n", 0, -1) + 1 : -1]

    def replace(self, lines: bytes) -> None:
        """Begin the file anew with these lines, in one step: whoever opens it finds the old one whole or the new one. Raises OSError."""
        old = self.open()
        beside = self.path.with_name(f"{self.path.name}.new")
        beside.unlink(missing_ok=True)
        new = open_private(beside)
        try:
            lock(new)
            write_all(new, self.header + lines)
            os.fsync(new)
            os.rename(beside, self.path)
        except OSError:
            os.close(new)
            raise
        self._descriptor, self.size, self._last = new, len(self.header) + len(lines), None
        os.close(old)
        sync_folder(self.path.parent)

    def close(self) -> None:
        """Give up the lock and the descriptor; the next append opens the file again."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _cut(self, descriptor: int) -> None:
        self.size, self._last = end_of_lines(descriptor), None
        self.torn = os.fstat(descriptor).st_size - self.size
        if self.torn:
            os.ftruncate(descriptor, self.size)
            logger.warning("%s: cut off %d bytes of an unfinished last line", self.path, self.torn)

    def _restore(self, descriptor: int) -> None:
        """Take back what a failed attempt wrote; after a failed fsync the kernel may have dropped it, so it is written anew."""
        if os.fstat(descriptor).st_size != self.size:
            os.ftruncate(descriptor, self.size)


def _is_at(descriptor: int, path: Path) -> bool:
    """Whether the open file is the one that has this name now: another process may have put a new one in its place."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.lstat(path))
    except FileNotFoundError:
        return False
