"""Billing rows as they are read: those that ended sessions left, and what live ones have used so far, added up exactly."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field
from datetime import datetime
from datetime import timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any
from typing import Final

from realtime.billing import rows as rows_of
from store.clock import stamp
from store.reader import LogReader

Row = dict[str, Any]

_LONGEST: Final = timedelta(days=2)
"""How long before a time a session may have begun that ended after it."""
_SECONDS: Final = {"second": 1, "minute": 60, "hour": 3600}
_SUMMED: Final = ("tokens_in", "tokens_out", "seconds", "messages", "characters", "usd", "priced", "unpriced")
_FIELDS: Final = {"key": "principal", "model": "model", "provider": "provider", "route": "route"}


def read_rows(log: LogReader, since: datetime | None, until: datetime | None, now: datetime) -> list[Row]:
    """Every row from `since` to before `until`; those of live sessions are of `now`. Raises StoreError.

    A session that ended without rows, by a version that wrote none or a crash just then, counts by its record.
    """
    billed = log.billing(since=since, until=until)
    begun = None if since is None else since - _LONGEST
    sessions = log.sessions(since=begun, until=until, limit=None)
    known = {row["session"] for row in billed}
    missing = [row for record in sessions if record["id"] not in known for row in rows_at(record, now)]
    return [*billed, *(row for row in missing if _between(row["at"], since, until))]


@dataclass(slots=True)
class Total:
    """What rows add up to. `unpriced` counts rows without a price, `priced` those with one; `usd` is exact."""

    sessions: set[str] = field(default_factory=set)
    others: int = 0
    """Sessions that are counted besides."""
    tokens_in: int = 0
    tokens_out: int = 0
    seconds: float = 0.0
    messages: int = 0
    characters: int = 0
    usd: Decimal = Decimal()
    priced: int = 0
    unpriced: int = 0

    @classmethod
    def of(cls, rows: Iterable[Row]) -> Total:
        """The total of rows."""
        made = cls()
        for row in rows:
            made.add(row)
        return made

    @classmethod
    def joined(cls, totals: Iterable[Total]) -> Total:
        """The sum of totals that have no session in common."""
        made = cls()
        for total in totals:
            made.others += total.others + len(total.sessions)
            for name in _SUMMED:
                setattr(made, name, getattr(made, name) + getattr(total, name))
        return made

    def close(self) -> None:
        """Nothing is added any more: which sessions there were need not be known."""
        self.others, self.sessions = self.others + len(self.sessions), set()

    def add(self, row: Row) -> None:
        """Count one row."""
        self.count(row["session"], row["item"], row["unit"], row["quantity"], row["cost"])

    def count(self, session: str, item: str, unit: str, quantity: Any, cost: float | str | None) -> None:
        """Count a row by its fields."""
        self.sessions.add(session)
        if unit == "token":
            out = item.endswith("_out") or item == "output"
            self.tokens_out += quantity if out else 0
            self.tokens_in += 0 if out else quantity
        elif unit in _SECONDS:
            self.seconds += quantity * _SECONDS[unit]
        elif unit == "message":
            self.messages += quantity
        elif unit == "character":
            self.characters += quantity
        if cost is None:
            self.unpriced += 1
        else:
            self.priced += 1
            self.usd += _dollars(cost)

    def record(self) -> dict[str, Any]:
        """As JSON and CSV have it. `usd` is None where nothing of it has a price; `unpriced` counts what is missing in it."""
        return {
            "sessions": len(self.sessions) + self.others,
            "tokens_in": self.tokens_in,
            "tokens_out": self.tokens_out,
            "seconds": round(self.seconds, 3),
            "messages": self.messages,
            "characters": self.characters,
            "usd": float(self.usd) if self.priced or not self.unpriced else None,
            "unpriced": self.unpriced,
        }


def added_up(rows: Iterable[Row], by: str) -> list[tuple[str, Total]]:
    """Totals by what `by` names, the dearest first; days in their order."""
    groups: dict[str, Total] = {}
    for row in rows:
        name = row["at"][:10] if by == "day" else str(row[_FIELDS[by]] or "-")
        groups.setdefault(name, Total()).add(row)
    return sorted(groups.items()) if by == "day" else sorted(groups.items(), key=lambda group: (-group[1].usd, group[0]))


@lru_cache(64)
def _dollars(cost: float | str) -> Decimal:
    return Decimal(str(cost))


def rows_at(record: Row, now: datetime) -> Iterator[Row]:
    """The rows that a session's record stands for, of `now` where it runs."""
    return rows_of(record if record["ended_at"] is not None else {**record, "ended_at": stamp(now)})


def _between(moment: str, since: datetime | None, until: datetime | None) -> bool:
    return (since is None or moment >= stamp(since)) and (until is None or moment < stamp(until))
