"""What lists ask of sessions, kept in little memory, so that a filter reads no record again that did not change."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from sys import intern
from typing import Any
from typing import Final

from store.lines import Row
from store.whole import Table

_NAMED: Final = ("principal", "provider", "model", "upstream_model", "provider_model", "route", "transport", "door", "grouping")
"""Fields with few values."""
_OWN: Final = ("id", "started_at", "ended_at", "provider_session")
FIELDS: Final = frozenset({*_NAMED, *_OWN})
"""What of a record is here to the letter."""


@dataclass(slots=True)
class Facts:
    """Of one session. It can be asked for fields as the record can; `error` is whether there is one, and `close` has the code alone.

    `usd` is None where nothing has a price; `waits` are the first audio of its newest turns in milliseconds.
    """

    id: str
    started_at: str
    ended_at: str | None
    provider_session: str | None
    principal: str | None
    provider: str | None
    model: str | None
    upstream_model: str | None
    provider_model: str | None
    route: str | None
    transport: str | None
    door: str | None
    grouping: str | None
    error: bool
    close: Row | None
    usd: float | None
    partial: bool
    waits: array[float]

    def get(self, name: str) -> Any:
        """The field of a name."""
        return getattr(self, name, None)


def facts(record: Row) -> Facts:
    """Those of a record."""
    cost, close = record.get("cost") or {}, record.get("close")
    usd = cost.get("usd")
    fields: dict[str, Any] = {name: record.get(name) for name in _OWN}
    fields |= {name: intern(value) if type(value := record.get(name)) is str else value for name in _NAMED}
    return Facts(
        **fields,
        error=bool(record.get("error")),
        close={"code": close.get("code")} if close else None,
        usd=usd,
        partial=usd is None or bool(cost.get("partial")),
        waits=array("d", (record.get("first_audio") or {}).get("last") or ()),
    )


class Known:
    """The facts of a day's sessions, by document."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[int, Facts]] = {}

    def __len__(self) -> int:
        return len(self._known)

    def of(self, table: Table, numbers: Iterable[int]) -> list[tuple[int, Facts]]:
        """Those of documents, which are read where they changed."""
        asked = list(numbers)
        changed = [number for number in asked if self._known.get(number, (0,))[0] != table.newest(number)]
        for number, row in table.items(changed):
            self._known[number] = table.newest(number), facts(row)
        return [(number, self._known[number][1]) for number in asked if number in self._known]
