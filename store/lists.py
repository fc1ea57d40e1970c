"""Lists of what happened at single moments: findings and billing rows, each in the file of its own day."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from itertools import batched
from itertools import groupby
from itertools import islice
from operator import attrgetter
from types import MappingProxyType
from typing import Final

from store.contentreader import Looking
from store.dayreader import DayReader
from store.glances import Found
from store.glances import glances
from store.lines import Row
from store.query import Listed
from store.query import Order
from store.tables import BILLING
from store.tables import ERASED
from store.tables import ERASURES
from store.tables import FINDINGS
from store.texts import GONE
from store.texts import MISSING
from store.texts import STATE
from store.texts import owner
from store.texts import rejoined

_AT_ONCE: Final = 200
"""Records that are in memory at once, where one asks for one after the other."""


class Lists(DayReader):
    """Conditions must all hold, None is no condition; times are aware, `until` is exclusive. Newest first unless `order` is asc."""

    def findings(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        key: str | None = None,
        provider: str | None = None,
        model: str | None = None,
        route: str | None = None,
        session_id: str | None = None,
        kind: str | None = None,
        policy: str | None = None,
        action: str | None = None,
        mode: str | None = None,
        severity: str | None = None,
        globs: Mapping[str, str] = MappingProxyType({}),
        limit: int | None = 50,
        offset: int = 0,
        order: Order = "desc",
    ) -> list[Row]:
        """Hits of policies, gate decisions, budget events, revocations, refusals. `key` is the principal. No `limit` means all."""
        equal = {"principal": key, "provider": provider, "model": model, "route": route, "session": session_id}
        equal |= {"kind": kind, "policy": policy, "action": action, "mode": mode, "severity": severity}
        with self._reading():
            found = self._found_in(FINDINGS, Listed(since=since, until=until, equal=equal, globs=globs), order)
            return self.found(islice(found, offset, None if limit is None else offset + limit))

    def glances(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        session_id: str | None = None,
        globs: Mapping[str, str] = MappingProxyType({}),
        limit: int | None = None,
    ) -> list[Found]:
        """Findings that fit, the newest first, each with what one can filter by and nothing else of it."""
        with self._reading():
            return list(
                islice(
                    self._found_in(FINDINGS, Listed(since=since, until=until, equal={"session": session_id}, globs=globs), "desc"), limit
                )
            )

    def found(self, places: Iterable[Found]) -> list[Row]:
        """Findings as they stand now, with their texts."""
        with self._reading():
            looking = self.contents.looking()
            return [self.whole(FINDINGS, row, day, looking) for day, row in list(self._rows(FINDINGS, places))]

    def billing(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        key: str | None = None,
        provider: str | None = None,
        model: str | None = None,
        route: str | None = None,
        session_id: str | None = None,
        unit: str | None = None,
        limit: int | None = None,
        offset: int = 0,
        order: Order = "desc",
    ) -> list[Row]:
        """What was used and what it cost. `key` is the principal. No `limit` means all."""
        equal = {"principal": key, "provider": provider, "model": model, "route": route, "session": session_id, "unit": unit}
        return self._listed(BILLING, Listed(since=since, until=until, equal=equal), limit, offset, order)

    def erasures(self, *, since: datetime | None = None, until: datetime | None = None, order: Order = "desc") -> list[Row]:
        """What was erased, by whom and why; `done_at` is None for what was begun and, after a crash, done by another."""
        return self._listed(ERASURES, Listed(since=since, until=until), None, 0, order)

    def whole(self, table: str, row: Row, day: str, looking: Looking) -> Row:
        """A record of a day, which is changed, with its texts in it."""
        session = owner(row)
        made = rejoined(table, row, partial(looking.find, day, session), MISSING)
        if made.get(STATE) == MISSING and self.erased(day, session):
            made[STATE] = GONE
        return made

    def of_sessions(self, day: str, table: str, sessions: Iterable[str]) -> Iterator[Row]:
        """The records of a day that belong to sessions, by their full ids: of each in their order, turns by their index; without texts."""
        with self._reading():
            numbers = [number for session in sorted(sessions) for number in self.table(day, table).in_order(session)]
        for part in batched(numbers, _AT_ONCE):
            with self._reading():
                rows = [row for _, row in self.table(day, table).items(part)]
            yield from rows

    def erased(self, day: str, session: str) -> bool:
        """Whether what a session said in the records of a day is gone for good."""
        with self._reading():
            return bool(self.table(day, ERASED).documents(session))

    def _listed(self, table: str, wanted: Listed, limit: int | None, offset: int, order: Order) -> list[Row]:
        with self._reading():
            places = islice(self._found_in(table, wanted, order), offset, None if limit is None else offset + limit)
            return [row for _, row in self._rows(table, places)]

    def _rows(self, table: str, places: Iterable[Found]) -> Iterator[tuple[str, Row]]:
        """The records at places, with their day; without texts."""
        for day, of in groupby(places, key=attrgetter("day")):
            for _, row in self.table(day, table).items([place.number for place in of]):
                yield day, row

    def _found_in(self, name: str, wanted: Listed, order: Order) -> Iterator[Found]:
        """Records that fit, in their order, day by day as far as one goes."""
        for day in sorted(filter(wanted.day, self.days()), reverse=order == "desc"):
            table = self.table(day, name)
            numbers = table.in_order(wanted.equal.get("session"))[:: 1 if order == "asc" else -1]
            for number, glance in glances(table, numbers):
                if wanted.fits(glance):
                    yield Found(day, number, glance)
