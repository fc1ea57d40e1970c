"""Reads a file of the store and what is appended to it later; never writes, and never takes an unfinished line for a line."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from store.errors import LogFormat
from store.files import blocks
from store.files import end_of_lines
from store.files import reading
from store.lines import DecodeError
from store.lines import Line
from store.lines import beginning
from store.lines import decode
from store.lines import decode_ids
from store.lines import of_other_tables
from store.tables import Tables

logger = logging.getLogger(__name__)

_MOST_DAMAGE: Final = 100


@dataclass(frozen=True, slots=True)
class Damage:
    """A complete line that cannot be read and was left out: byte offset in the file, and why."""

    offset: int
    reason: str


Ahead = tuple[int, bytes]
"""A file that this process writes to: how much of it is durable, and the bytes that will follow."""


class Tail:
    """The lines of a file from where the last reading ended. A missing file has no lines."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.offset = 0
        self._identity: tuple[int, int] | None = None

    def lines(
        self, *, on_anew: Callable[[], None] | None = None, ahead: Ahead | None = None, needle: bytes = b""
    ) -> Iterator[tuple[int, bytes]]:
        """Offset and bytes of each new complete line, without its end. Raises OSError.

        A file that was replaced or became shorter is read from its start, after `on_anew` was called. Of a file with `ahead`
        the durable part is read, then what will follow. With `needle` lines that have it are sure to come, others may not.
        """
        with reading(self.path) as descriptor:
            status = None if descriptor is None else os.fstat(descriptor)
            end, following = ahead or (status.st_size if status else 0, b"")
            identity = (status.st_dev, status.st_ino) if status else None
            if self.offset and (identity != self._identity or end + len(following) < self.offset):
                self.offset = 0
                if on_anew is not None:
                    on_anew()
            self._identity = identity
            if descriptor is not None:
                yield from self._lines(blocks(descriptor, self.offset, end), needle)
        yield from self._lines([following[max(0, self.offset - end) :]], needle)

    def _lines(self, found: Iterable[bytes], needle: bytes) -> Iterator[tuple[int, bytes]]:
        for block in found:
            base = self.offset
            for start, end in _spans(block, needle if base else b""):
                self.offset = base + end + 1
                yield base + start, block[start:end]
            self.offset = base + len(block)

    def is_behind(self) -> bool:
        """Whether there may be something to read: the file is longer than what was read of it, or another one. Raises OSError."""
        try:
            status = os.stat(self.path, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return (status.st_dev, status.st_ino) != self._identity or status.st_size != self.offset

    def skip(self) -> None:
        """Leave out what is in the file now. Raises OSError."""
        with reading(self.path) as descriptor:
            if descriptor is not None:
                status = os.fstat(descriptor)
                self._identity = (status.st_dev, status.st_ino)
                self.offset = end_of_lines(descriptor)


def _spans(block: bytes, needle: bytes) -> Iterator[tuple[int, int]]:
    """Where the lines begin and end that have `needle` in them; found without looking at the others."""
    at = block.find(needle)
    while 0 <= at < len(block):
        end = block.index(b"\n", at)
        yield block.rfind(b"\n", 0, at) + 1, end
        at = block.find(needle, end + 1)


class Replay:
    """Tables that follow a file. `only` reads one table and skips the lines of others; without `keep` only ids are known.

    `told` puts into a line what stands elsewhere, before it is applied.
    """

    def __init__(self, path: Path, *, only: str | None = None, keep: bool = True, told: Callable[[Line], None] | None = None) -> None:
        self.tail = Tail(path)
        self.tables = Tables()
        self.damage: list[Damage] = []
        self.chain = ""
        """The chain that the file's last line is in, where it is in one."""
        self._only = beginning(only) if only is not None else b""
        self._keep = keep
        self._told = told

    def refresh(self, ahead: Ahead | None = None) -> bool:
        """Apply what was appended since the last call; True when there was anything. Raises OSError, LogFormat."""
        before = self.tables.changes
        for offset, line in self.tail.lines(on_anew=self._forget, ahead=ahead, needle=self._only):
            if not of_other_tables(line, self._only):
                self._apply(offset, line)
        return self.tables.changes != before

    def apply(self, line: bytes) -> None:
        """Apply one line. Raises DecodeError, LogFormat."""
        found = decode(line) if self._keep else decode_ids(line)
        if found.voicetap:
            self.chain = found.chain
            return
        if isinstance(found, Line):
            if self._told is not None:
                self._told(found)
            self.tables.apply(found)
        else:
            self.tables.count(found)

    def _forget(self) -> None:
        self.tables.reset()
        self.damage.clear()
        self.chain = ""

    def _apply(self, offset: int, line: bytes) -> None:
        try:
            self.apply(line)
        except (DecodeError, ValueError) as error:
            if len(self.damage) < _MOST_DAMAGE:
                self.damage.append(Damage(offset, str(error)))
            logger.warning("%s: the line at byte %d cannot be read and is left out: %s", self.tail.path, offset, error)
        except LogFormat as error:
            raise LogFormat(f"{self.tail.path}: {error}") from None
