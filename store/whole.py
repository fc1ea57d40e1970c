"""One table of a day: what can be asked of it, and how a table that `store.places` does not follow answers, from memory."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any
from typing import Final
from typing import Protocol

from store.lines import Row
from store.replay import Ahead
from store.replay import Replay
from store.tables import SESSIONS
from store.tables import TURNS
from store.tables import Rows
from store.texts import owner

_MOMENTS: Final = {SESSIONS: "started_at", TURNS: "index"}
"""By what documents are ordered, where that is not `at`."""


class Table(Protocol):
    """Documents. One is called by its number, and belongs to a name: the id of a session, or the session that it says it is of."""

    @property
    def weight(self) -> int:
        """Bytes of memory, about."""

    @property
    def names(self) -> Iterable[str]:
        """Whose documents there are."""

    def refresh(self, ahead: Ahead | None = None) -> None:
        """Look at what was appended since. Raises OSError, LogFormat."""

    def documents(self, name: str | None = None) -> list[int]:
        """The documents that there are, or those of a name, in the order in which they came."""

    def in_order(self, name: str | None = None) -> list[int]:
        """The same by when they were (`started_at`, `at`), turns by their index."""

    def moment(self, number: int) -> Any:
        """When a document was, of a turn its index."""

    def name(self, number: int) -> str:
        """Whose a document is."""

    def newest(self, number: int) -> int:
        """Another number once the document was changed."""

    def items(self, numbers: Iterable[int]) -> Iterator[tuple[int, Row]]:
        """Documents as they stand now, each with its number; nobody else has them. Raises OSError, LogFormat."""

    def puts(self, numbers: Iterable[int]) -> Iterator[tuple[int, bytes | None]]:
        """Documents, each with the line that says all of it; None where more than one says it. Raises OSError."""

    def lines(self, numbers: Iterable[int]) -> Iterable[bytes] | None:
        """Every line about documents; None where it is not known which these are. Raises OSError."""


class WholeTable:
    """A `Table` in memory."""

    def __init__(self, path: Path, table: str) -> None:
        self.table = table
        self._replay = Replay(path, only=table)

    def refresh(self, ahead: Ahead | None = None) -> None:
        self._replay.refresh(ahead)

    @property
    def weight(self) -> int:
        return 4_000 * len(self._rows)

    @property
    def names(self) -> Iterable[str]:
        return dict.fromkeys(map(self._name, self._rows.values()))

    def documents(self, name: str | None = None) -> list[int]:
        return [int(key) for key, row in self._rows.items() if name is None or self._name(row) == name]

    def in_order(self, name: str | None = None) -> list[int]:
        return sorted(self.documents(name), key=lambda number: _ordered(self.moment(number)))

    def moment(self, number: int) -> Any:
        return self._rows[str(number)].get(_MOMENTS.get(self.table, "at"))

    def name(self, number: int) -> str:
        return self._name(self._rows[str(number)])

    def newest(self, number: int) -> int:
        return self._replay.tables.changes

    def items(self, numbers: Iterable[int]) -> Iterator[tuple[int, Row]]:
        return ((number, deepcopy(self._rows[str(number)])) for number in numbers)

    def puts(self, numbers: Iterable[int]) -> Iterator[tuple[int, bytes | None]]:
        return ((number, None) for number in numbers)

    def lines(self, numbers: Iterable[int]) -> None:
        return None

    @property
    def _rows(self) -> Rows:
        return self._replay.tables.rows.get(self.table, {})

    def _name(self, row: dict[str, Any]) -> str:
        return str(row.get("id")) if self.table == SESSIONS else owner(row)


def _ordered(moment: Any) -> tuple[int, str]:
    return (moment, "") if isinstance(moment, int) else (0, str(moment))
