"""The files of the log, day by day, as any process may read them: needs no lock, and reads while a writer runs, is down or was killed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
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
from store.replay import Ahead
from store.replay import Tail
from store.table import AppendDB
from store.tables import SESSIONS
from store.tables import Rows
from store.tables import Tables


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
        return [line for _, tail in sorted(self._tails.items()) for data in tail.lines() if (line := readable(data[1])) is not None]


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
