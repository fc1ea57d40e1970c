"""A session's messages as any process may read them while the key exists, also while they are still written."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import msgspec

from store.cipher import Damaged
from store.files import open_reading
from store.framefile import FrameCipher
from store.framefile import Header
from store.framefile import batch
from store.framefile import header
from store.framefile import numbers
from store.frames import Direction
from store.frames import Event
from store.frames import decoded
from store.query import Order
from store.replay import Tail

logger = logging.getLogger(__name__)

Key = Callable[[int], bytes | None]
"""The key of a number; None where it was destroyed or never was."""


@dataclass(frozen=True, slots=True)
class _Place:
    """A batch in the file: which messages it has, and which bytes it is."""

    first: int
    count: int
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """Conditions on a message, all of which must hold: who says it, and a glob of its type."""

    direction: Direction | None = None
    type: str | None = None

    def fits(self, event: Event) -> bool:
        """Whether a message is wanted."""
        return self.direction in (None, event.from_) and (self.type is None or fnmatchcase(event.type, self.type))

    @property
    def everything(self) -> bool:
        """Whether every message is."""
        return self.direction is None and self.type is None


ALL = Wanted()


class Frames:
    """The messages of one session as far as they are written; `header` is None where none are. `refresh` sees later ones. Raises OSError.

    In memory is where each batch stands, and the one that is looked at. What cannot be read (a batch that was changed, an unfinished one
    at the end) is left out; `unreadable` counts batches.
    """

    def __init__(self, path: Path, key: Key) -> None:
        self.path = path
        self.header: Header | None = None
        self.erased = False
        """Whether they are not there because a record says that they were erased."""
        self.unreadable = 0
        self._batches: list[_Place] = []
        self._key = key
        self._tail = Tail(path)
        self._cipher: FrameCipher | None = None
        self.refresh()

    def refresh(self) -> None:
        """Look at what was written since. Raises OSError."""
        for offset, line in self._tail.lines(on_anew=self._forget):
            self._look(offset, line)
        if self._cipher is None and self.header is not None:
            found = self._key(self.header.key)
            self._cipher = None if found is None else FrameCipher(found)

    @property
    def readable(self) -> bool:
        """Whether there are any, and their key."""
        return self._cipher is not None

    @property
    def count(self) -> int:
        """How many there are."""
        return sum(found.count for found in self._batches)

    def events(self, wanted: Wanted = ALL, *, order: Order = "asc", offset: int = 0) -> Iterator[Event]:
        """The wanted messages from the `offset`th on; a batch is opened when it is reached."""
        for found in self._batches if order == "asc" else reversed(self._batches):
            if wanted.everything and offset >= found.count:
                offset -= found.count
                continue
            for event in self._wanted(found, wanted, order):
                if offset:
                    offset -= 1
                else:
                    yield event

    def event(self, number: int) -> Event | None:
        """The message with a number."""
        for found in self._batches:
            if found.first <= number < found.first + found.count:
                return next((event for event in self._opened(found) if event.n == number), None)
        return None

    def _wanted(self, found: _Place, wanted: Wanted, order: Order) -> Iterable[Event]:
        events = [event for event in self._opened(found) if wanted.fits(event)]
        return events if order == "asc" else events[::-1]

    def _opened(self, found: _Place) -> list[Event]:
        if self._cipher is None:
            return []
        try:
            return [decoded(line) for line in self._cipher.opened(batch(self._read(found)))]
        except FileNotFoundError:  # erased meanwhile
            return []
        except (Damaged, msgspec.DecodeError) as error:
            self.unreadable += 1
            logger.warning("%s: messages %d to %d: %s", self.path, found.first, found.first + found.count - 1, error)
            return []

    def _read(self, found: _Place) -> bytes:
        descriptor = open_reading(self.path)
        try:
            return os.pread(descriptor, found.size, found.offset)
        finally:
            os.close(descriptor)

    def _forget(self) -> None:
        self.header, self._cipher = None, None
        self._batches.clear()

    def _look(self, offset: int, line: bytes) -> None:
        try:
            if offset:
                found = numbers(line)
                self._batches.append(_Place(found.first, found.count, offset, len(line)))
            else:
                self.header = header(line)
        except msgspec.DecodeError as error:
            self.unreadable += 1
            logger.warning("%s: the line at byte %d cannot be read and is left out: %s", self.path, offset, error)
