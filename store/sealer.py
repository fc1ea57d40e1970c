"""Seals the days of the log while they are written: every so often where there is something new, and at the end.

A seal covers only what is on the disk. Where one cannot be written the operator's log says so, and the next attempt makes up for it.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from store.chain import Head
from store.clock import Clock
from store.clock import stamp
from store.files import end_of_lines
from store.files import last_line
from store.files import open_private
from store.files import sync_folder
from store.files import write_all
from store.seal import SUFFIX
from store.seal import SealKey

logger = logging.getLogger(__name__)

SECONDS: Final = 30.0

Heads = Callable[[], Mapping[Path, Head]]
"""The days that are written to, and how far each has come on the disk."""


class Sealer:
    """A thread. `anchor` is a file somewhere else that gets every seal too."""

    def __init__(self, data: Path, heads: Heads, clock: Clock, *, every: float = SECONDS, anchor: Path | None = None) -> None:
        self._data = data
        self._heads = heads
        self._clock = clock
        self._every = every
        self._anchor = anchor
        self._key: SealKey | None = None
        self._waiting: dict[Path, Head] = {}
        """Days that are not written to any more."""
        self._sealed: dict[tuple[Path, Path], Head] = {}
        """By the file that holds the seals, and the day."""
        self._said = ""
        """What kept it from sealing, which is said once."""
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log seal", daemon=True)
        self._thread.start()

    def last(self, path: Path, head: Head) -> None:
        """A day is not written to any more."""
        self._waiting[path] = head

    def seal(self) -> None:
        """Seal what is new."""
        with self._lock:
            heads = {**self._waiting, **self._heads()}
            lacking = [path for path, head in heads.items() if not self._is_sealed(path, head)]
            if not lacking:
                self._waiting = {path: head for path, head in self._waiting.items() if path not in heads}
                self._said = ""

    def remove(self, path: Path) -> None:
        """Remove the file of a day, then its seals. Raises OSError."""
        with self._lock:
            self._waiting.pop(path, None)
            path.unlink(missing_ok=True)
            path.with_suffix(SUFFIX).unlink(missing_ok=True)

    def stop(self) -> None:
        """Seal what is new, and end the thread."""
        self._stopped.set()
        self._thread.join()
        self.seal()

    def _run(self) -> None:
        while not self._stopped.wait(self._every):
            self.seal()

    def _is_sealed(self, path: Path, head: Head) -> bool:
        """True once the head of a day is sealed wherever it is to be."""
        targets = [path.with_suffix(SUFFIX), *([self._anchor] if self._anchor is not None else [])]
        lacking = [target for target in targets if self._sealed.get((target, path)) != head]
        try:
            for target in lacking:
                if not _ends_with(target, head):
                    _append(target, self._line(path, head))
                self._sealed[target, path] = head
        except (OSError, ValueError) as error:
            if self._said != str(error):
                logger.error("%s cannot be sealed now: %s", path.name, error)
                self._said = str(error)
            return False
        return True

    def _line(self, path: Path, head: Head) -> bytes:
        self._key = self._key or SealKey(self._data)
        return self._key.seal(path.name, head, stamp(self._clock()))


def _ends_with(path: Path, head: Head) -> bool:
    """Whether the last seal of a file is of this head already: an earlier run made it."""
    if not path.exists(follow_symlinks=False):
        return False
    descriptor = open_private(path)
    try:
        return head.digest.encode() in last_line(descriptor, end_of_lines(descriptor))
    finally:
        os.close(descriptor)


def _append(path: Path, line: bytes) -> None:
    """Add a line, after whatever a failed attempt left unfinished. Raises OSError."""
    new = not path.exists(follow_symlinks=False)
    descriptor = open_private(path)
    try:
        end = end_of_lines(descriptor)
        if end != os.fstat(descriptor).st_size:
            os.ftruncate(descriptor, end)
        write_all(descriptor, line)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    if new:
        sync_folder(path.parent)
