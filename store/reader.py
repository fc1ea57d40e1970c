"""The log as it stands in the files, for any process: needs no lock, and reads while a writer runs, is down or was killed.

Only sessions are kept in memory, of the few days that were looked at last; turns are looked up in the file of their day.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from dataclasses import field
from datetime import datetime
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Final

from store import contentreader
from store.dayreader import Writing
from store.dayreader import named
from store.days import day_of
from store.days import file_of
from store.errors import AmbiguousId
from store.framereader import Frames
from store.lines import Line
from store.lines import Row
from store.lists import Lists
from store.query import Order
from store.query import Wanted
from store.query import has_text
from store.query import page
from store.replay import Replay
from store.tables import ERASED
from store.tables import SESSIONS
from store.tables import TURNS
from store.texts import GONE
from store.texts import MISSING
from store.texts import owner
from store.texts import rejoined

_DAYS_IN_MEMORY: Final = 16


@dataclass(slots=True)
class Place:
    """Where the records of a session are: the day of its file, its document id, the document ids of its turns by index."""

    day: str
    document: int
    turns: dict[int, int] = field(default_factory=dict)
    erased: bool = False
    """Whether what was said in it is gone for good."""


class LogReader(Lists):
    """Reads the log of a data folder. Methods may be called from any thread and raise LogUnavailable, LogFormat."""

    def __init__(
        self, data: Path, *, writing: Mapping[str, Writing] = MappingProxyType({}), contents: contentreader.Writing | None = None
    ) -> None:
        super().__init__(data, writing=writing, contents=contents)
        self._days: OrderedDict[str, Replay] = OrderedDict()

    def refresh(self) -> bool:
        """Read what was appended to the days in memory; True when there was anything. The other methods do so themselves."""
        with self._reading():
            return any(
                [  # noqa: C419 - every day is read
                    replay.refresh(self._ahead(day)) for day, replay in self._days.items()
                ]
            )

    def sessions(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        key: str | None = None,
        provider: str | None = None,
        model: str | None = None,
        status: str | None = None,
        session_id: str | None = None,
        grouping: str | None = None,
        globs: Mapping[str, str] = MappingProxyType({}),
        text: str | None = None,
        limit: int | None = 50,
        offset: int = 0,
        order: Order = "desc",
    ) -> list[Row]:
        """Sessions by their start, newest first unless `order` is asc; conditions as in `Wanted`.

        `text` is looked for, in any case, in every string of a session and of its turns. No `limit` means all.
        """
        names = {"key": key, "provider": provider, "model": model, "status": status, "session_id": session_id, "grouping": grouping}
        wanted = Wanted(since=since, until=until, **names, globs=globs)

        def of_day(day: str) -> list[Row]:
            rows = [row for row in self._day(day).tables.rows.get(SESSIONS, {}).values() if wanted.fits(row)]
            return rows if text is None or not rows else self._with_text(day, rows, text.casefold())

        with self._reading():
            return page(filter(wanted.day, self.days()), of_day, limit=limit, offset=offset, order=order)

    def of_day(self, day: str, wanted: Wanted) -> list[Row]:
        """The sessions of a day that fit, in no order: the records themselves, without a copy, to look at."""
        with self._reading():
            return [row for row in self._day(day).tables.rows.get(SESSIONS, {}).values() if wanted.fits(row)]

    def tally[T](self, wanted: Wanted, of: Callable[[Row], T]) -> list[T]:
        """What `of` makes of each session that fits, in no order; it is given the records themselves, without a copy, to look at."""
        with self._reading():
            days = [self._day(day).tables.rows.get(SESSIONS, {}).values() for day in self.days() if wanted.day(day)]
            return [of(row) for rows in days for row in rows if wanted.fits(row)]

    def session(self, session: str) -> Row | None:
        """The session with an id, or the only one whose id begins so; None when there is none. Raises AmbiguousId."""
        with self._reading():
            found: dict[str, Row] = {}
            for day in reversed(self.days()):
                rows = {str(row.get("id")): row for row in self._day(day).tables.rows.get(SESSIONS, {}).values()}
                if session in rows:
                    return deepcopy(rows[session])
                found.update((name, row) for name, row in rows.items() if session and name.startswith(session))
            if len(found) > 1:
                raise AmbiguousId(session, sorted(found))
            return deepcopy(next(iter(found.values()), None))

    def turns(self, session: str) -> list[Row]:
        """The turns of a session, by its full id, in order of their index."""
        with self._reading():
            record = self.session(session)
            if record is None:
                return []
            day = day_of(record["started_at"])
            tables, texts = self.history(day, str(record["id"])).rows, self.contents.of(day, str(record["id"]))
            state = GONE if tables.get(ERASED) else MISSING
            turns = [rejoined(TURNS, turn, texts.find, state) for turn in tables.get(TURNS, {}).values()]
            return sorted(turns, key=lambda turn: turn["index"])

    def frames(self, session: str) -> Frames | None:
        """The messages of a session, by its full id, as far as they are written; None where there is no such session."""
        with self._reading():
            record = self.session(session)
            if record is None:
                return None
            day = day_of(record["started_at"])
            found = self.contents.frames(day, str(record["id"]))
            found.erased = not found.readable and bool(self.history(day, str(record["id"])).rows.get(ERASED))
            return found

    def place(self, session: str) -> Place | None:
        """Where the records of a session are, for one who changes them."""
        with self._reading():
            for day in reversed(self.days()):
                rows = self._day(day).tables.rows.get(SESSIONS, {})
                key = next((key for key, row in rows.items() if row.get("id") == session), None)
                if key is not None:
                    tables = self.history(day, session).rows
                    turns = {turn["index"]: int(number) for number, turn in tables.get(TURNS, {}).items()}
                    return Place(day, int(key), turns, erased=bool(tables.get(ERASED)))
            return None

    def unended(self, day: str) -> dict[str, list[Line]]:
        """The sessions of a day that have no end, each with all its lines."""
        with self._reading():
            rows = self._day(day).tables.rows.get(SESSIONS, {}).values()
            found: dict[str, list[Line]] = {str(row["id"]): [] for row in rows if row.get("ended_at") is None}
            for line in self.lines(day) if found else ():
                for session in named(line) & found.keys():
                    found[session].append(line)
            return found

    def _day(self, day: str) -> Replay:
        replay = self._days.get(day)
        if replay is None:
            replay = self._days[day] = Replay(file_of(self.folder, day), only=SESSIONS)
        self._days.move_to_end(day)
        while len(self._days) > _DAYS_IN_MEMORY:
            self._days.popitem(last=False)
        replay.refresh(self._ahead(day))
        return replay

    def _with_text(self, day: str, rows: list[Row], text: str) -> list[Row]:
        wanted = {str(row.get("id")) for row in rows}
        found: dict[str, str | None] = {}
        looking = self.contents.looking()
        for line in self.lines(day):
            if line.table == TURNS:
                for number, turn in (*line.put.items(), *line.set.items()):
                    session = owner(turn)
                    has = session in wanted and has_text(rejoined(TURNS, turn, partial(looking.find, day, session), MISSING), text)
                    if has or number in line.put:
                        found[number] = session if has else None
        sessions = set(found.values())
        return [row for row in rows if row.get("id") in sessions or has_text(row, text)]
