"""The files of the log, day by day, as any process may read them: needs no lock, and reads while a writer runs, is down or was killed.

Where records stand is remembered of the days that were looked at last, and what was made of a day until its file changes.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any
from typing import Final
from typing import Protocol

import msgspec

from store import contentreader
from store.contentreader import ContentReader
from store.days import days_in
from store.days import file_of
from store.days import folder_of
from store.errors import LogUnavailable
from store.errors import explained
from store.lines import DecodeError
from store.lines import Line
from store.lines import beginning
from store.lines import decode
from store.lines import of_other_tables
from store.places import Places
from store.places import Uncommon
from store.replay import Ahead
from store.replay import Tail
from store.table import AppendDB
from store.tables import SESSIONS
from store.tables import Rows
from store.tables import Tables
from store.whole import Table
from store.whole import WholeTable

MOST_BYTES: Final = 24 << 20
"""Of what is remembered about where records stand."""
MOST_MADE: Final = 800
"""What was made of days, of which so many are remembered."""


class Writing(Protocol):
    """A day that this process writes to."""

    def ahead(self) -> Ahead: ...


class DayReader:
    """Reads single days. Methods may be called from any thread and raise LogUnavailable, LogFormat."""

    def __init__(
        self, data: Path, *, writing: Mapping[str, Writing] = MappingProxyType({}), contents: contentreader.Writing | None = None
    ) -> None:
        self.folder = folder_of(data)
        self.contents = ContentReader(data, contents)
        self._writing = writing
        self._lock = threading.RLock()
        self._tables: OrderedDict[tuple[str, str], Table] = OrderedDict()
        self._made = Remembered()

    def days(self) -> list[str]:
        """The days of the log, oldest first."""
        with self._reading():
            return sorted({*days_in(self.folder), *self._writing})

    def history(self, day: str, session: str) -> Tables:
        """Everything a day's file has of one session."""
        tables = Tables()
        for line in self.lines(day, session):
            tables.apply(line)
        return tables

    def table(self, day: str, name: str) -> Table:
        """One table of a day as it stands now; for those that hold the lock."""
        found = self._tables.get((day, name)) or Places(file_of(self.folder, day), name)
        try:
            found.refresh(self._ahead(day))
        except Uncommon:
            found = WholeTable(file_of(self.folder, day), name)
            found.refresh(self._ahead(day))
        if self._tables.get((day, name)) is not found:
            self._tables[day, name] = found
            self._let_go()
        self._tables.move_to_end((day, name))
        return found

    def made[T](self, day: str, of: Callable[..., T], *, days: Sequence[str] = ()) -> T:
        """What `of` makes of this reader and a day, which nobody may change; anew once the file of `day` or one of `days` changed."""
        with self._reading():
            files = tuple(self._seen(other) for other in (day, *days))
            return self._made.get((day, of.__module__, of.__qualname__), files, lambda: of(self, day))

    def _seen(self, day: str) -> object:
        """Another one whenever the file of a day is."""
        ahead = self._ahead(day)
        try:
            found = os.stat(file_of(self.folder, day))
        except FileNotFoundError:
            return ahead
        return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, ahead and len(ahead[1])

    def _let_go(self) -> None:
        """Keep the newest in so much memory."""
        weights = {key: table.weight for key, table in self._tables.items()}
        total = sum(weights.values())
        for key in list(weights)[:-1]:
            if total <= MOST_BYTES:
                return
            total -= weights[key]
            del self._tables[key]

    def lines(self, day: str, session: str | None = None) -> Iterator[Line]:
        """The lines of a day in order, or those that name one session, as every line of its records does."""
        needle = b"" if session is None else msgspec.json.encode(session)
        for data in (data for data in self._raw(day, needle) if needle in data):
            line = readable(data)
            if line is not None and (session is None or session in named(line)):
                yield line

    def rows(self, day: str, table: str) -> Rows:
        """The documents of one table of a day by id; others are not looked at."""
        tables = Tables()
        for line in self.lines_of(day, table):
            tables.apply(line)
        return tables.rows.get(table, {})

    def lines_of(self, day: str, table: str) -> Iterator[Line]:
        """The lines of one table of a day in order; others are not looked at."""
        own = beginning(table)
        for data in self._raw(day, own):
            line = None if of_other_tables(data, own) else readable(data)
            if line is not None and line.table == table:
                yield line

    def database(self, day: str) -> AppendDB:
        """A whole day as a TinyDB with its texts, for reading; all of it is in memory."""
        with self._reading():
            return AppendDB(file_of(self.folder, day), read_only=True)

    def follow(self) -> Follower:
        """What is written from now on."""
        return Follower(self.folder)

    def _raw(self, day: str, needle: bytes) -> Iterator[bytes]:
        for _, data in Tail(file_of(self.folder, day)).lines(ahead=self._ahead(day), needle=needle):
            yield data

    def _ahead(self, day: str) -> Ahead | None:
        found = self._writing.get(day)
        return None if found is None else found.ahead()

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            with self._lock:
                yield
        except OSError as error:
            raise LogUnavailable(explained(error, self.folder)) from error


class Remembered:
    """Values that were made of files, until one of these is another."""

    def __init__(self) -> None:
        self._values: OrderedDict[object, tuple[object, Any]] = OrderedDict()

    def get[T](self, key: object, files: object, make: Callable[[], T]) -> T:
        """The value of a key, made again where the files are not those of last time."""
        known = self._values.get(key)
        if known is None or known[0] != files:
            known = self._values[key] = files, make()
        self._values.move_to_end(key)
        while len(self._values) > MOST_MADE:
            self._values.popitem(last=False)
        value: T = known[1]
        return value


class Follower:
    """New lines of the log, of all days that are written to."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._tails = {day: Tail(file_of(folder, day)) for day in days_in(folder)}
        for tail in self._tails.values():
            tail.skip()

    def poll(self) -> list[Line]:
        """The lines written since the last call, day by day. Raises OSError, LogFormat."""
        for day in days_in(self._folder):
            self._tails.setdefault(day, Tail(file_of(self._folder, day)))
        behind = [tail for _, tail in sorted(self._tails.items()) if tail.is_behind()]
        return [line for tail in behind for _, data in tail.lines() if (line := readable(data)) is not None]


def named(line: Line) -> set[str]:
    """The sessions whose records the line changes."""
    name = "id" if line.table == SESSIONS else "session"
    return {str(row.get(name)) for row in (*line.put.values(), *line.set.values())}


def readable(data: bytes) -> Line | None:
    """The line, None for the header and for damage, which is reported where whole days are read."""
    try:
        line = decode(data)
    except DecodeError:
        return None
    return None if line.voicetap else line
