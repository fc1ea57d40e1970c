"""What a day adds up to: what was used and what it cost, how long people waited. Made once of a day that is over, while its files stay."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field
from datetime import UTC
from datetime import date
from datetime import datetime
from datetime import timedelta
from typing import Any
from typing import Final

import msgspec

from store.billed import Row
from store.billed import Total
from store.billed import rows_at
from store.days import file_of
from store.facts import Facts
from store.query import Wanted
from store.reader import LogReader
from store.tables import BILLING
from store.whole import Table

GROUPS: Final = {"key": "principal", "model": "model"}
"""What is added up apart, and by which field."""
_BEFORE: Final = 2
"""Sessions that ended on a day began at most so many days before."""


class Bill(msgspec.Struct):
    """What matters of a billing row."""

    session: str
    unit: str
    item: str
    quantity: int | float
    cost: float | str | None
    principal: Any = None
    model: Any = None


class _Line(msgspec.Struct):
    put: dict[str, Bill] = {}


_decode = msgspec.json.Decoder(_Line).decode


@dataclass(slots=True)
class DaySum:
    """Of one day (UTC): `total` of what was billed on it, and by what `GROUPS` name; `waits` of the sessions that began on it, in order, by
    key and model; `live` are those that had no end.
    """

    total: Total = field(default_factory=Total)
    by: dict[str, dict[str, Total]] = field(default_factory=lambda: {name: {} for name in GROUPS})
    waits: dict[tuple[str, str], array[float]] = field(default_factory=dict)
    live: list[str] = field(default_factory=list)

    def add(self, bill: Bill) -> None:
        """Count a row."""
        for total in (self.total, *(self.by[name].setdefault(str(getattr(bill, of) or "-"), Total()) for name, of in GROUPS.items())):
            total.count(bill.session, bill.item, bill.unit, bill.quantity, bill.cost)


def sums(log: LogReader, first: datetime, now: datetime) -> dict[str, DaySum]:
    """By day from `first` on, which is the beginning of one; sessions that run count on the day of `now`. Raises StoreError."""
    since = _day(first - timedelta(days=_BEFORE))
    made = {day: log.made(day, _sum, days=_before(day)) for day in log.days() if day >= since}
    found = {day: made[day] for day in made if day >= _day(first)}
    running = [record for one in made.values() for name in one.live if (record := log.named(name)) is not None]
    today = DaySum()
    for row in (row for record in running for row in rows_at(record, now)):
        today.add(msgspec.convert(row, Bill))
    return _with(found, _day(now), today) if running else found


def _with(found: dict[str, DaySum], day: str, more: DaySum) -> dict[str, DaySum]:
    """What is remembered stays as it is."""
    known = found.get(day, DaySum())
    by = {name: joined((known.by[name], more.by[name])) for name in GROUPS}
    return {**found, day: DaySum(Total.joined((known.total, more.total)), by, known.waits)}


def joined(groups: Iterable[dict[str, Total]]) -> dict[str, Total]:
    """Totals of several days by name."""
    made: dict[str, list[Total]] = {}
    for group in groups:
        for name, total in group.items():
            made.setdefault(name, []).append(total)
    return {name: Total.joined(totals) for name, totals in made.items()}


def _sum(log: LogReader, day: str) -> DaySum:
    made, known = DaySum(), set()
    for bill in _bills(log.table(day, BILLING)):
        known.add(bill.session)
        made.add(bill)
    for facts in log.of_day(day, Wanted()):
        made.waits.setdefault((str(facts.principal or "-"), str(facts.model or "-")), array("d")).extend(facts.waits)
        if facts.ended_at is None:
            made.live.append(facts.id)
    for row in _unbilled(log, day, known):
        made.add(msgspec.convert(row, Bill))
    for total in (made.total, *(total for group in made.by.values() for total in group.values())):
        total.close()
    return made


def _bills(table: Table) -> Iterator[Bill]:
    for number, line in table.puts(table.documents()):
        if line is None:
            yield from (msgspec.convert(row, Bill) for _, row in table.items([number]))
        else:
            yield from _decode(line).put.values()


def _unbilled(log: LogReader, day: str, known: set[str]) -> Iterator[Row]:
    """The rows of sessions that ended on a day and left none."""
    for began in (day, *_before(day)):
        if file_of(log.folder, began).exists():
            for facts in log.of_day(began, Wanted()):
                if _ended_on(facts, day) and facts.id not in known and (record := log.named(facts.id)) is not None:
                    yield from rows_at(record, datetime.fromisoformat(str(facts.ended_at)))


def _ended_on(facts: Facts, day: str) -> bool:
    return facts.ended_at is not None and facts.ended_at.startswith(day)


def _before(day: str) -> list[str]:
    return [(date.fromisoformat(day) - timedelta(days=number)).isoformat() for number in range(1, _BEFORE + 1)]


def _day(moment: datetime) -> str:
    return moment.astimezone(UTC).date().isoformat()
