"""What a crash left behind, and how its records are completed: from what was journaled, never from a guess."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from typing import Final

from realtime.billing import merged
from store.lines import Line
from store.lines import Row
from store.reader import Place
from store.tables import SESSIONS
from store.tables import TURNS
from store.tables import Tables

CLOSE: Final = {"code": 1006, "reason": "proxy stopped without closing the session", "side": "proxy"}
TURN_REASON: Final = "proxy_stopped"


@dataclass(frozen=True, slots=True)
class Recovered:
    """A session that was completed: how many turns it has, and how many of them were open."""

    session: str
    ended_at: str
    turns: int
    interrupted: int


@dataclass(frozen=True, slots=True)
class Torn:
    """A file whose unfinished last line was cut off."""

    file: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Recovery:
    """What `Log.recover` did."""

    sessions: tuple[Recovered, ...] = ()
    torn: tuple[Torn, ...] = ()


@dataclass(frozen=True, slots=True)
class Completion:
    """What is to be written for one session: its own fields, and those of its open turns by index."""

    session: str
    place: Place
    fields: Row
    turns: dict[int, Row]

    @property
    def recovered(self) -> Recovered:
        return Recovered(self.session, self.fields["ended_at"], len(self.place.turns), len(self.turns))


def completion(day: str, lines: Iterable[Line]) -> Completion:
    """How a session without an end is completed. `lines` are all lines of its day that name it, its first one among them.

    It ended at its last line. Its usage and cost are the larger of what its record and what its turns say, field by field:
    both only ever grow, and either may be behind the other by what was not journaled.
    """
    tables = Tables()
    ended = ""
    for line in lines:
        tables.apply(line)
        ended = max(ended, line.at)
    rows = tables.rows.get(TURNS, {})
    turns = list(rows.values())
    document, record = next(iter(tables.rows[SESSIONS].items()))
    ended = max(ended, str(record["started_at"]))
    place = Place(day, int(document), {turn["index"]: int(number) for number, turn in rows.items()})
    fields = {
        "ended_at": ended,
        "close": CLOSE,
        "turns": max(record.get("turns") or 0, len(turns)),
        "usage": _larger(record.get("usage") or {}, _added(usage for turn in turns for usage in _usages(turn))),
        "cost": _cost(record.get("cost"), turns),
    }
    interrupted = {"status": "interrupted", "reason": TURN_REASON, "ended_at": ended}
    opened = {turn["index"]: interrupted for turn in turns if turn.get("status") == "open"}
    return Completion(str(record["id"]), place, fields, opened)


def _usages(turn: Row) -> list[Row]:
    return [usage for name in ("usage", "transcription_usage") if isinstance(usage := turn.get(name), dict)]


def _added(usages: Iterable[Row]) -> Row:
    total: Row = {}
    for usage in usages:
        for name, value in usage.items():
            total[name] = total.get(name, 0) + value
    return total


def _larger(one: Row, other: Row) -> Row:
    return {name: max(one.get(name, 0), other.get(name, 0)) for name in one | other}


def _cost(known: Row | None, turns: list[Row]) -> Row | None:
    """The cost of the record unless its turns cost more; then theirs."""
    costs = [cost for turn in turns if isinstance(cost := turn.get("cost"), dict)]
    amounts = [cost["usd"] for cost in costs if cost.get("usd") is not None]
    if not amounts or (known is not None and (known.get("usd") or 0) >= sum(amounts)):
        return known
    priced = all(cost.get("priced") for cost in costs)
    return {
        "usd": sum(amounts),
        "priced": priced,
        "partial": not priced,
        "source": "; ".join(_distinct(cost.get("source") for cost in costs)),
        "date": max(_distinct(cost.get("date") for cost in costs), default=""),
        "lines": merged(costs),
    }


def _distinct(values: Iterable[Any]) -> list[str]:
    return list(dict.fromkeys(str(value) for value in values if value))
