"""The log as it stands in the files, for any process: needs no lock, and reads while a writer runs, is down or was killed.

In memory is where records stand and what lists ask of sessions, of the days that were looked at last; records are read when they are shown.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from datetime import datetime
from itertools import batched
from itertools import chain
from itertools import groupby
from itertools import islice
from operator import itemgetter
from pathlib import Path
from types import MappingProxyType
from typing import Final

from store import contentreader
from store.dayreader import Writing
from store.dayreader import named
from store.days import day_in
from store.days import file_of
from store.errors import AmbiguousId
from store.facts import FIELDS
from store.facts import Facts
from store.facts import Known
from store.framereader import Frames
from store.lines import Line
from store.lines import Row
from store.lists import Lists
from store.newest import newest
from store.query import Order
from store.query import Wanted
from store.searching import Search
from store.tables import SESSIONS
from store.tables import TURNS
from store.texts import GONE
from store.texts import MISSING
from store.texts import STATE
from store.texts import rejoined

_MOST_KNOWN: Final = 20_000
"""Sessions of which it is remembered what lists ask of them; all of the day that is looked at, however many it has."""

_AT_ONCE: Final = 200
"""Turns that are in memory at once, where one asks for one after the other."""

At = tuple[str, int]
"""Where a session's record is: the day of its file, and its document."""


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
        self._facts: OrderedDict[str, Known] = OrderedDict()
        self._glimpsed: str | None = None
        """The day of which only the end was looked at."""

    def catch_up(self) -> None:
        """Look through the day of which only the end was looked at, so that nobody waits for it later."""
        with self._reading():
            if self._glimpsed is not None:
                self.table(self._glimpsed, SESSIONS)
            self._glimpsed = None

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

        with self._reading():
            if wanted.everything and text is None and order == "desc" and not offset and limit:
                found = self._newest(limit)
                if found is not None:
                    return found
            days = sorted(filter(wanted.day, self.days()), reverse=order == "desc")
            places = chain.from_iterable(self._chosen(day, wanted, text, order) for day in days)
            return self._records(islice(places, offset, None if limit is None else offset + limit))

    def of_day(self, day: str, wanted: Wanted) -> list[Facts]:
        """What is known of the sessions of a day that fit, in no order."""
        with self._reading():
            table = self.table(day, SESSIONS)
            return [facts for _, facts in self._known(day).of(table, table.documents()) if wanted.fits(facts)]

    def tally(self, wanted: Wanted) -> list[Facts]:
        """What is known of each session that fits, in no order."""
        return [facts for day in self.days() if wanted.day(day) for facts in self.of_day(day, wanted)]

    def session(self, session: str) -> Row | None:
        """The session with an id, or the only one whose id begins so; None when there is none. Raises AmbiguousId."""
        with self._reading():
            found = self._found(session)
            return None if found is None else next(iter(self._records([found])), None)

    def named(self, session: str) -> Row | None:
        """The session with an id, to the letter; None when there is none."""
        with self._reading():
            found = self._exactly(session)
            return None if found is None else next(iter(self._records([found])), None)

    def turns(
        self,
        session: str,
        *,
        indices: Collection[int] | None = None,
        offset: int = 0,
        limit: int | None = None,
        order: Order = "asc",
    ) -> list[Row]:
        """The turns of a session, by its full id, in order of their index, or only those with `indices`."""
        with self._reading():
            found = self._found(session)
            if found is None:
                return []
            (day, _), name = found, self._name(found)
            table = self.table(day, TURNS)
            numbers = table.in_order(name)[:: 1 if order == "asc" else -1]
            if indices is not None:
                numbers = [number for number in numbers if table.moment(number) in indices]
            rows = [row for _, row in table.items(numbers[offset : None if limit is None else offset + limit])]
            return self.with_texts(day, name, rows) if rows else rows

    def bare_turns(self, session: str) -> Iterator[Row]:
        """The turns of a session one after the other, few of them in memory at once, with commitments in the place of what was said."""
        with self._reading():
            found = self._found(session)
        if found is not None:
            yield from self.of_sessions(found[0], TURNS, [self._name(found)])

    def each_turn(self, session: str) -> Iterator[Row]:
        """The same with what was said."""
        with self._reading():
            found = self._found(session)
            if found is None:
                return
            day, name = found[0], self._name(found)
            texts = self.contents.of(day, name)
        for part in batched(self.of_sessions(day, TURNS, [name]), _AT_ONCE):
            with self._reading():
                turns = self.with_texts(day, name, part, texts)
            yield from turns

    def turn_count(self, session: str) -> int:
        """How many turns of a session there are, by its full id."""
        with self._reading():
            found = self._found(session)
            return 0 if found is None else len(self.table(found[0], TURNS).documents(self._name(found)))

    def frames(self, session: str) -> Frames | None:
        """The messages of a session, by its full id, as far as they are written; None where there is no such session."""
        with self._reading():
            place = self._found(session)
            if place is None:
                return None
            found = self.contents.frames(place[0], self._name(place))
            found.erased = not found.readable and self.erased(place[0], self._name(place))
            return found

    def with_texts(self, day: str, session: str, rows: Iterable[Row], texts: contentreader.SessionTexts | None = None) -> list[Row]:
        """Turns of a session, which are changed, with what was said in them; it is read where it is not given."""
        texts = texts or self.contents.of(day, session)
        made = [rejoined(TURNS, row, texts.find, MISSING) for row in rows]
        lacking = [row for row in made if row.get(STATE) == MISSING]
        if lacking and self.erased(day, session):
            for row in lacking:
                row[STATE] = GONE
        return made

    def place(self, session: str) -> Place | None:
        """Where the records of a session are, for one who changes them."""
        with self._reading():
            found = self._exactly(session)
            if found is None:
                return None
            turns = self.table(found[0], TURNS)
            return Place(*found, {int(turns.moment(number)): number for number in turns.documents(session)}, self.erased(found[0], session))

    def unended(self, day: str) -> dict[str, list[Line]]:
        """The sessions of a day that have no end, each with all its lines."""
        found: dict[str, list[Line]] = {facts.id: [] for facts in self.of_day(day, Wanted()) if facts.ended_at is None}
        with self._reading():
            for line in self.lines(day) if found else ():
                for session in named(line) & found.keys():
                    found[session].append(line)
        return found

    def _newest(self, count: int) -> list[Row] | None:
        """The newest of all sessions, where they can be had without looking through their day."""
        day = max(self.days(), default="")
        if not day or (day, SESSIONS) in self._tables or self._ahead(day) is not None:
            return None
        self._glimpsed = day
        return newest(file_of(self.folder, day), count)

    def _chosen(self, day: str, wanted: Wanted, text: str | None, order: Order) -> Iterator[At]:
        """Those of a day that fit, in order; what is said is looked at as far as one goes."""
        table = self.table(day, SESSIONS)
        numbers = table.in_order()[:: 1 if order == "asc" else -1]
        if not wanted.everything:
            numbers = self._fitting(day, numbers, wanted)
        search = Search(self, day, text) if text is not None and numbers else None
        yield from ((day, number) for number in numbers if search is None or search.finds(number))

    def _fitting(self, day: str, numbers: list[int], wanted: Wanted) -> list[int]:
        table = self.table(day, SESSIONS)
        if wanted.globs.keys() <= FIELDS | {"status"}:
            return [number for number, facts in self._known(day).of(table, numbers) if wanted.fits(facts)]
        return [number for number, row in table.items(numbers) if wanted.fits(row)]

    def _records(self, places: Iterable[At]) -> list[Row]:
        days = groupby(places, key=itemgetter(0))
        return [row for day, found in days for _, row in self.table(day, SESSIONS).items([number for _, number in found])]

    def _found(self, session: str) -> At | None:
        """The session with an id, or the only one whose id begins so. Raises AmbiguousId."""
        if (exactly := self._exactly(session)) is not None or not session:
            return exactly
        found: dict[str, At] = {}
        for day in reversed(self.days()):
            table = self.table(day, SESSIONS)
            for name in table.names:
                if name.startswith(session):
                    found.setdefault(name, (day, table.documents(name)[-1]))
        if len(found) > 1:
            raise AmbiguousId(session, sorted(found))
        return next(iter(found.values()), None)

    def _exactly(self, session: str) -> At | None:
        likely = day_in(session)
        for day in sorted(self.days(), key=lambda day: (day == likely, day), reverse=True):
            if numbers := self.table(day, SESSIONS).documents(session):
                return day, numbers[-1]
        return None

    def _name(self, place: At) -> str:
        return self.table(place[0], SESSIONS).name(place[1])

    def _known(self, day: str) -> Known:
        found = self._facts.setdefault(day, Known())
        self._facts.move_to_end(day)
        while len(self._facts) > 1 and sum(map(len, self._facts.values())) > _MOST_KNOWN:
            self._facts.popitem(last=False)
        return found
