"""TinyDB's storage over append-only JSON lines: reading is a replay into memory, a change is one appended line.

Three ways to open a file, each for another need:
- `AppendStorage(path)`: alone or shared by processes; each change takes the file's lock for a moment, first reads what
  others appended, and is on the disk when the call returns;
- `AppendStorage(path, read_only=True)`: needs no lock and sees whole lines only, in a day of the log with their texts;
- `AppendStorage(path, sink=...)`: the proxy's log; lines go to a buffer, and only ids are kept in memory.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from typing import Final
from typing import cast

from tinydb.storages import Storage

from store.chain import Chain
from store.chain import head_at
from store.clock import Clock
from store.clock import stamp
from store.clock import utc_now
from store.contentreader import texts_of
from store.errors import LogFormat
from store.errors import LogUnavailable
from store.errors import explained
from store.files import make_folder
from store.journal import Journal
from store.lines import Line
from store.lines import encode
from store.replay import Damage
from store.replay import Replay
from store.tables import Rows
from store.tables import Tables

LOCK_WAIT: Final = 5.0
"""Seconds for which a change waits for other processes that write to the same file."""

TIDIED: Final = 1 << 20
"""Bytes of a file that are not worth writing anew, however much of them is history."""

Sink = Callable[[bytes], None]
"""Takes one encoded line. Raises LogUnavailable when it cannot keep it."""


class AppendStorage(Storage):
    """A file of the store. Raises OSError and LogFormat for one that cannot be read."""

    def __init__(self, path: Path | str, *, sink: Sink | None = None, read_only: bool = False, clock: Clock = utc_now) -> None:
        self.path = Path(path)
        self.read_only = read_only
        self._sink = sink
        self._clock = clock
        self._replay = Replay(self.path, keep=sink is None, told=texts_of(self.path) if read_only else None)
        self._journal = Journal(self.path)
        self._depth = 0
        self._tidied = 0
        self._replay.refresh()

    @property
    def tables(self) -> Tables:
        """The state in memory; change it through `append` only."""
        return self._replay.tables

    @property
    def damage(self) -> list[Damage]:
        """Complete lines that could not be read and were left out; the first hundred."""
        return self._replay.damage

    @property
    def torn(self) -> int:
        """Bytes of an unfinished last line that the last change found and cut off."""
        return self._journal.torn

    @property
    def chain(self) -> str:
        """The chain that the file's lines are in; empty where they are in none."""
        return self._replay.chain

    def refresh(self) -> bool:
        """Read what other processes appended; True when there was anything."""
        return self._sink is None and self._replay.refresh()

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Nobody else writes inside of this: check and change as one step. May be nested.

        Raises LogUnavailable when the file cannot be opened, LogLocked when another process does not let go of it,
        LogFormat when it was opened for reading.
        """
        if self.read_only:
            raise LogFormat(f"{self.path} was opened for reading")
        if self._sink is not None or self._depth:
            yield
            return
        self._open()
        self._depth += 1
        try:
            self.refresh()
            yield
        finally:
            self._depth -= 1
            self._journal.close()

    def append(self, line: Line) -> None:
        """Write a change, then apply it. Raises LogUnavailable, with nothing changed, and TypeError for what is not JSON."""
        line.at = stamp(self._clock())
        data = encode(line)
        if self._sink is not None:
            self._sink(data)
            self._replay.apply(data)
            return
        with self.exclusive():
            try:
                self._journal.append(self._linked(data))
            except OSError as error:
                raise LogUnavailable(explained(error, self.path)) from error
            self._replay.refresh()

    def _linked(self, line: bytes) -> bytes:
        """The line as it continues the chain of the file, where there is one."""
        head = head_at(self.chain, self._journal.last)
        return line if head is None else Chain(self.chain, head).next(line)[0]

    def tidy(self) -> None:
        """Write the file anew where it has grown to twice what it was after the last time, or to a first MiB. Raises as `append`."""
        with self.exclusive():
            if self._sink is not None or self._journal.size < max(TIDIED, 2 * self._tidied):
                return
            at = stamp(self._clock())
            lines = [encode(Line(table=name, at=at, put=rows)) for name, rows in self.tables.rows.items() if rows]
            try:
                self._journal.replace(b"".join(lines))
            except OSError as error:
                raise LogUnavailable(explained(error, self.path)) from error
            self._tidied = self._journal.size
            self._replay.refresh()

    def read(self) -> dict[str, dict[str, Any]] | None:
        """The tables by name, None while there is none."""
        return cast(dict[str, dict[str, Any]], dict(self.tables.rows)) or None

    def write(self, data: Mapping[str, Mapping[Any, Any]]) -> None:
        """Make the tables those of `data`. Tables given as `read` returned them cost nothing, others are written whole."""
        with self.exclusive():
            rows = dict(self.tables.rows)
            for name in rows.keys() - data.keys():
                self.append(Line(table=name, clear=True))
            for name, given in data.items():
                if given is not rows.get(name):
                    self.append(Line(table=name, clear=True, put={str(key): dict(row) for key, row in given.items()}))

    def rows(self, table: str) -> Rows:
        """The documents of a table by id."""
        return self.tables.rows.get(table, {})

    def highest(self, table: str) -> int:
        """The highest id that was ever used in a table of which only ids are kept, else 0."""
        return 0 if self._sink is None else self.tables.highest.get(table, 0)

    def close(self) -> None:
        self._journal.close()

    def _open(self) -> None:
        try:
            make_folder(self.path.parent)
            self._journal.open(LOCK_WAIT)
        except OSError as error:
            raise LogUnavailable(explained(error, self.path)) from error
