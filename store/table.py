"""TinyDB's table over `AppendStorage`: the same methods with the same results, each change one appended line.

A change is all or nothing: where TinyDB would leave documents half updated by a failing callable, here none is.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import MutableMapping
from contextlib import AbstractContextManager
from contextlib import contextmanager
from copy import deepcopy
from typing import Any
from typing import cast

from tinydb import TinyDB
from tinydb.queries import QueryLike
from tinydb.table import Document
from tinydb.table import Table

from store.lines import Line
from store.lines import Row
from store.storage import AppendStorage
from store.tables import Rows

Change = Mapping[str, Any] | Callable[[MutableMapping[str, Any]], None]
"""Fields to set, or a function that changes a document in place."""


class AppendTable(Table):
    """A table of an `AppendDB`."""

    _storage: AppendStorage
    _seen = 0
    """The change of the table that what is remembered about it is true for."""

    def insert(self, document: Mapping[str, Any]) -> int:
        with self._writing():
            return super().insert(document)

    def insert_multiple(self, documents: Iterable[Mapping[str, Any]]) -> list[int]:
        with self._writing():
            return super().insert_multiple(documents)

    def upsert(self, document: Mapping[str, Any], cond: QueryLike | None = None) -> list[int]:
        with self._writing():
            return super().upsert(document, cond)

    def remove(self, cond: QueryLike | None = None, doc_ids: Iterable[int] | None = None) -> list[int]:
        with self._writing():
            return super().remove(cond, doc_ids)

    def truncate(self) -> None:
        with self._writing():
            super().truncate()

    def update(self, fields: Change, cond: QueryLike | None = None, doc_ids: Iterable[int] | None = None) -> list[int]:
        with self._writing():
            rows = self._storage.rows(self.name)
            if doc_ids is not None:
                ids = [number for number in doc_ids if str(number) in rows]
            else:
                ids = [int(key) for key, row in rows.items() if cond is None or cond(row)]
            if callable(fields):
                changed: Rows = {}
                for number in ids:
                    fields(_copy(changed, str(number), rows))
                self._put(changed)
            elif ids:
                self._append(Line(table=self.name, set={str(number): dict(fields) for number in ids}))
            return ids

    def update_multiple(self, updates: Iterable[tuple[Change, QueryLike]]) -> list[int]:
        with self._writing():
            ids: list[int] = []
            changed: Rows = {}
            given = list(updates)
            rows = self._storage.rows(self.name)
            for key, row in rows.items():
                for fields, cond in given:
                    if cond(changed.get(key, row)):
                        _change(_copy(changed, key, rows), fields)
                        ids.append(int(key))
            self._put(changed)
            return ids

    def amend(self, number: int, fields: Mapping[str, Any]) -> None:
        """Set fields of a document by its id without looking at it: for a log of which only ids are in memory."""
        with self._writing():
            self._append(Line(table=self.name, set={str(number): dict(fields)}))

    def replace(self, number: int, document: Mapping[str, Any]) -> None:
        """Store a document whole under an id, whether there is one or not."""
        with self._writing():
            self._put({str(number): dict(document)})

    def search(self, cond: QueryLike) -> list[Document]:
        self._look()
        return super().search(cond)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with self._storage.exclusive():
            self._look()
            yield

    def _look(self) -> None:
        """Forget what is remembered about the table when others changed it."""
        changed = self._storage.tables.changed.get(self.name, 0)
        if self._seen != changed:
            self._seen = changed
            self._next_id = None
            self.clear_cache()

    def _append(self, line: Line) -> None:
        self._storage.append(line)
        self._seen = self._storage.tables.changed[self.name]
        self.clear_cache()

    def _put(self, rows: Rows) -> None:
        if rows:
            self._append(Line(table=self.name, put=rows))

    def _update_table(self, updater: Callable[[dict[int, Mapping[Any, Any]]], None]) -> None:
        draft = Draft(self._storage.rows(self.name))
        updater(cast(dict[int, Mapping[Any, Any]], draft))
        line = draft.line(self.name)
        if line is not None:
            self._append(line)

    def _get_next_id(self) -> int:
        highest = self._storage.highest(self.name)
        return highest + 1 if highest else cast(int, super()._get_next_id())  # type: ignore[no-untyped-call]


class Draft(MutableMapping[int, Row]):
    """A table as TinyDB's methods change it: nothing is copied, and what was changed becomes one line."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._put: dict[int, Row] = {}
        self._dropped: dict[int, None] = {}
        self._cleared = False

    def line(self, table: str) -> Line | None:
        """The line that says what was changed, None when nothing was."""
        if not (self._cleared or self._put or self._dropped):
            return None
        return Line(table=table, clear=self._cleared, put={str(key): row for key, row in self._put.items()}, drop=list(self._dropped))

    def __contains__(self, key: object) -> bool:
        return key in self._put or self._is_kept(key)

    def __getitem__(self, key: int) -> Row:
        if key in self._put:
            return self._put[key]
        if not self._is_kept(key):
            raise KeyError(key)
        return self._rows[str(key)]

    def __setitem__(self, key: int, row: Row) -> None:
        self._dropped.pop(key, None)
        self._put[key] = row

    def __delitem__(self, key: int) -> None:
        if key not in self:
            raise KeyError(key)
        self._put.pop(key, None)
        if self._is_kept(key):
            self._dropped[key] = None

    def __iter__(self) -> Iterator[int]:
        yield from (key for key in map(int, self._rows) if key in self)
        yield from (key for key in self._put if self._cleared or str(key) not in self._rows)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def clear(self) -> None:
        self._put.clear()
        self._dropped.clear()
        self._cleared = True

    def _is_kept(self, key: object) -> bool:
        return not self._cleared and key not in self._dropped and str(key) in self._rows


class AppendDB(TinyDB):
    """TinyDB whose tables are `AppendTable`s: `AppendDB(path)`, `AppendDB(path, read_only=True)`."""

    table_class = AppendTable
    default_storage_class = AppendStorage  # type: ignore[assignment]
    _storage: AppendStorage

    def table(self, name: str, **options: Any) -> AppendTable:
        return cast(AppendTable, super().table(name, **options))

    @property
    def storage(self) -> AppendStorage:
        return self._storage

    def refresh(self) -> bool:
        """Read what other processes appended; True when there was anything."""
        return self._storage.refresh()

    def exclusive(self) -> AbstractContextManager[None]:
        """Check and change as one step that no other process comes between."""
        return self._storage.exclusive()


def _copy(changed: Rows, key: str, rows: Rows) -> Row:
    """The document under `key` as one to change, made on first use."""
    if key not in changed:
        changed[key] = deepcopy(rows[key])
    return changed[key]


def _change(row: Row, fields: Change) -> None:
    if callable(fields):
        fields(row)
    else:
        row.update(fields)
