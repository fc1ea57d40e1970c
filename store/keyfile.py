"""The keys of all contents, in one place: `<data>/content.keys`, 32 bytes each, known by their number. What is destroyed is zero.

A key is never on the disk later than what was encrypted with it, and destroying it needs no room on the disk.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from store.files import open_placed
from store.files import open_reading
from store.files import sync_folder

FILE: Final = "content.keys"
SIZE: Final = 32
_DESTROYED: Final = bytes(SIZE)


class KeyFile:
    """The keys of a data folder. Methods may be called from any thread; the process that writes the log is the one that changes them."""

    def __init__(self, data: Path) -> None:
        self.path = data / FILE
        self._fresh: dict[int, bytes] = {}
        """Keys that are not on the disk yet."""
        self._next: int | None = None
        self._lock = threading.Lock()
        self._disk = threading.Lock()

    def new(self) -> tuple[int, bytes]:
        """A new key and its number, in memory. Raises OSError."""
        with self._lock:
            number = self._slots() if self._next is None else self._next
            self._next = number + 1
            key = self._fresh[number] = os.urandom(SIZE)
            return number, key

    def get(self, number: int) -> bytes | None:
        """The key of a number; None where it was destroyed or never was. Raises OSError."""
        key = self._fresh.get(number)
        return key if key is not None else self._read(number)

    def flush(self) -> None:
        """Return when every key is on the disk. Raises OSError."""
        with self._disk:
            with self._lock:
                fresh = dict(self._fresh)
            if not fresh:
                return
            self._write(fresh)
            with self._lock:
                for number in fresh:
                    self._fresh.pop(number, None)

    def destroy(self, numbers: Iterable[int]) -> None:
        """Overwrite keys where they stand. Raises OSError."""
        with self._disk:
            with self._lock:
                for number in (gone := set(numbers)):
                    self._fresh.pop(number, None)
            slots = self._slots()
            if kept := {number: _DESTROYED for number in gone if number < slots}:
                self._write(kept)

    def _write(self, keys: dict[int, bytes]) -> None:
        new = not self.path.exists(follow_symlinks=False)
        with _opened(open_placed(self.path)) as descriptor:
            for number, key in sorted(keys.items()):
                written = 0
                while written < SIZE:  # what did not fit is tried again, which says why
                    written += os.pwrite(descriptor, key[written:], number * SIZE + written)
            os.fsync(descriptor)
        if new:
            sync_folder(self.path.parent)

    def _read(self, number: int) -> bytes | None:
        try:
            with _opened(open_reading(self.path)) as descriptor:
                key = os.pread(descriptor, SIZE, number * SIZE)
        except FileNotFoundError:
            return None
        return key if len(key) == SIZE and key != _DESTROYED else None

    def _slots(self) -> int:
        """How many numbers the file has room for."""
        try:
            return -(-self.path.stat(follow_symlinks=False).st_size // SIZE)
        except FileNotFoundError:
            return 0


@contextmanager
def _opened(descriptor: int) -> Iterator[int]:
    try:
        yield descriptor
    finally:
        os.close(descriptor)
