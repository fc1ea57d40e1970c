"""Turns of all sessions as one list: each with what its session says of itself, and with what was found in it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from datetime import datetime
from datetime import timedelta
from typing import Final

from store.days import day_of
from store.lines import Row
from store.query import Fields
from store.query import Order
from store.query import Wanted
from store.query import between
from store.query import has_text
from store.query import page
from store.reader import LogReader
from store.tables import TURNS
from store.texts import owner

OF_SESSION: Final = ("transport", "door", "principal", "route", "provider", "grouping", "provider_session")
"""What a turn takes over of its session."""
_OF_FINDING: Final = ("id", "kind", "action", "mode", "policy")


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedTurns:
    """Conditions on turns, all of which must hold: `session` on theirs, the others on themselves. `text` is looked for in any case."""

    session: Wanted = field(default_factory=Wanted)
    status: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    text: str | None = None

    def fits(self, turn: Row) -> bool:
        """Whether a turn is wanted, whatever its texts say."""
        return (self.status is None or turn["status"] == self.status) and between(str(turn["started_at"]), self.since, self.until)

    def says(self, turn: Row) -> bool:
        """Whether the text is in a turn, which has its texts in it."""
        return self.text is None or has_text(turn, self.text.casefold())

    def day(self, day: str) -> bool:
        """Whether sessions of a day can have such turns: none lasts longer than until the end of the next day."""
        earliest = None if self.since is None else self.since - timedelta(days=1)
        return Wanted(since=earliest, until=self.until).day(day)


def turn_list(log: LogReader, wanted: WantedTurns, *, limit: int, offset: int, order: Order) -> list[Row]:
    """Turns by their start, those of one day's sessions together; each as `described`. Raises StoreError."""
    sessions: dict[str, Fields] = {}
    looking = log.contents.looking()

    def of_day(day: str) -> Iterator[Row]:
        known = {facts.id: facts for facts in log.of_day(day, wanted.session)}
        sessions.update(known)
        for turn in log.rows(day, TURNS).values() if known else ():
            if owner(turn) in known and wanted.fits(turn) and (wanted.text is None or wanted.says(whole(turn))):
                yield turn

    def whole(turn: Row) -> Row:
        return log.whole(TURNS, turn, day_of(str(sessions[owner(turn)].get("started_at"))), looking)

    found = page(filter(wanted.day, log.days()), of_day, limit=limit, offset=offset, order=order)
    return described(log, map(whole, found), {owner(turn): sessions[owner(turn)] for turn in found})


def described(log: LogReader, turns: Iterable[Row], sessions: Mapping[str, Fields]) -> list[Row]:
    """Turns with `OF_SESSION`, and with `findings`: `{id, kind, action, mode, policy}` of each that was made in them."""
    found = _findings(log, sessions.values()) if sessions else {}
    return [
        {**turn, **{name: sessions[owner(turn)].get(name) for name in OF_SESSION}, "findings": found.get((owner(turn), turn["index"]), [])}
        for turn in turns
    ]


def _findings(log: LogReader, sessions: Iterable[Fields]) -> dict[tuple[str, int], list[Row]]:
    """Those of sessions by session and turn, from the day on which the first of them began."""
    known = {str(session.get("id")): session for session in sessions}
    first = min(str(session.get("started_at")) for session in known.values())
    only = next(iter(known)) if len(known) == 1 else None
    made: dict[tuple[str, int], list[Row]] = defaultdict(list)
    for finding in reversed(log.glances(session_id=only, since=datetime.fromisoformat(first))):
        glance = finding.glance
        if glance.session in known and glance.turn is not None:
            made[glance.session, glance.turn].append({name: glance.get(name) for name in _OF_FINDING})
    return made
