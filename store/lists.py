"""Lists of what happened at single moments: findings and billing rows, each in the file of its own day."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from types import MappingProxyType

from store.contentreader import Looking
from store.dayreader import DayReader
from store.days import day_of
from store.lines import Row
from store.query import Listed
from store.query import Order
from store.query import page
from store.tables import BILLING
from store.tables import ERASED
from store.tables import ERASURES
from store.tables import FINDINGS
from store.texts import GONE
from store.texts import MISSING
from store.texts import STATE
from store.texts import owner
from store.texts import rejoined


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
        found = self._listed(FINDINGS, Listed(since=since, until=until, equal=equal, globs=globs), limit, offset, order)
        with self._reading():
            looking = self.contents.looking()
            return [self.whole(FINDINGS, row, day_of(row["at"]), looking) for row in found]

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
        if made.get(STATE) == MISSING and any(owner(gone) == session for gone in self.rows(day, ERASED).values()):
            made[STATE] = GONE
        return made

    def _listed(self, table: str, wanted: Listed, limit: int | None, offset: int, order: Order) -> list[Row]:
        def of_day(day: str) -> list[Row]:
            return [row for row in self.rows(day, table).values() if wanted.fits(row)]

        with self._reading():
            return page(filter(wanted.day, self.days()), of_day, limit=limit, offset=offset, order=order, by="at")
