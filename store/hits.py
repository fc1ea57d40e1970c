"""How often policies matched, day by day; days that are over are counted once, while their files stay."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from dataclasses import field
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from typing import Any

from store.glances import glances
from store.reader import LogReader
from store.tables import FINDINGS

Record = dict[str, Any]


@dataclass(slots=True)
class Hits:
    """Of one policy on one day."""

    count: int = 0
    last: str = ""
    sessions: set[str] = field(default_factory=set)


def hits_of_policies(log: LogReader, now: datetime, days: int) -> dict[str, Record]:
    """`{count, last, days, sessions}` of each policy over so many days (UTC), today among them; `days` is how often on each of them."""
    today = now.astimezone(UTC).date()
    wanted = [(today - timedelta(days=number)).isoformat() for number in range(days - 1, -1, -1)]
    there = {*log.days()}
    by_day = {day: log.made(day, _on) if day in there else {} for day in wanted}
    return {policy: _record([by_day[day].get(policy, Hits()) for day in wanted]) for policy in sorted({*_policies(by_day.values())})}


def _policies(days: Iterable[dict[str, Hits]]) -> Iterable[str]:
    return (policy for day in days for policy in day)


def _record(found: list[Hits]) -> Record:
    return {
        "count": sum(one.count for one in found),
        "last": max(one.last for one in found),
        "days": [one.count for one in found],
        "sessions": len(set().union(*(one.sessions for one in found))),
    }


def _on(log: LogReader, day: str) -> dict[str, Hits]:
    made: dict[str, Hits] = {}
    table = log.table(day, FINDINGS)
    for _, glance in glances(table, table.documents()):
        if glance.kind == "policy" and str(glance.at).startswith(day):
            one = made.setdefault(str(glance.policy), Hits())
            one.count += 1
            one.last = max(one.last, str(glance.at))
            one.sessions.add(str(glance.session))
    return made
