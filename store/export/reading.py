"""The log as exports read it: chosen sessions, and record by record what belongs to them, in little memory however much there is.

Days come one after the other. Of a day its sessions are in memory, of everything else one record at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from functools import partial
from typing import Final

from store.days import day_of
from store.export.records import Kind
from store.export.settled import settled
from store.filters import Filter
from store.framereader import Frames
from store.frames import row as row_of_frame
from store.lines import Row
from store.query import Listed
from store.reader import LogReader
from store.tables import BILLING
from store.tables import ERASED
from store.tables import FINDINGS
from store.tables import TURNS
from store.texts import GONE
from store.texts import MISSING
from store.texts import owner
from store.texts import rejoined

TABLES: Final[dict[Kind, str]] = {"turn": TURNS, "finding": FINDINGS, "bill": BILLING}
_DAY: Final = timedelta(days=1)
_ALWAYS: Final = datetime.min.replace(tzinfo=UTC)
_NEVER: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which sessions: those with these ids, else those that a filter fits."""

    ids: tuple[str, ...] = ()
    filter: Filter = field(default_factory=Filter)

    @property
    def everything(self) -> bool:
        """Whether no condition but the time is asked of sessions; then what belongs to none counts too."""
        return not self.ids and not self.filter.globs and self.filter.text is None


@dataclass(slots=True)
class _Found:
    """The chosen sessions: their ids, when the first began, and when the last ended; None while one runs."""

    ids: set[str] = field(default_factory=set)
    first: datetime = _NEVER
    last: datetime | None = _ALWAYS

    def add(self, session: Row) -> None:
        """Count one."""
        self.ids.add(str(session["id"]))
        self.first = min(self.first, datetime.fromisoformat(session["started_at"]))
        ended = session.get("ended_at")
        self.last = None if ended is None or self.last is None else max(self.last, datetime.fromisoformat(ended))


class Reading:
    """What was chosen of a log. Methods raise LogUnavailable, LogFormat, OSError."""

    def __init__(self, log: LogReader, chosen: Chosen) -> None:
        self._log = log
        self._chosen = chosen
        self._found: _Found | None = None

    def rows(self, kind: Kind) -> Iterator[Row]:
        """The rows of a kind, day by day: sessions by their start, frames session by session, others as they were last written."""
        if kind == "session":
            return self.sessions()
        return self._frames() if kind == "frame" else self._of_table(kind)

    def sessions(self) -> Iterator[Row]:
        """The chosen sessions in the order of their start, or as their ids were given."""
        if self._chosen.ids:
            yield from filter(None, map(self._log.session, self._chosen.ids))
            return
        wanted = self._chosen.filter
        for day in self._days(wanted.since, wanted.until):
            begun = datetime.fromisoformat(day).replace(tzinfo=UTC)
            since = begun if wanted.since is None else max(begun, wanted.since)
            until = begun + _DAY if wanted.until is None else min(begun + _DAY, wanted.until)
            yield from self._log.sessions(since=since, until=until, globs=wanted.globs, text=wanted.text, limit=None, order="asc")

    def turns(self, session: Row) -> list[Row]:
        """The turns of a session in order."""
        return self._log.turns(str(session["id"]))

    def findings(self, session: Row) -> list[Row]:
        """The findings of a session in order."""
        since, ended = datetime.fromisoformat(session["started_at"]), session.get("ended_at")
        until = None if ended is None else datetime.fromisoformat(ended) + _DAY
        return self._log.findings(session_id=str(session["id"]), since=since, until=until, limit=None, order="asc")

    def frames(self, session: Row) -> Frames:
        """The recorded messages of a session."""
        return self._log.contents.frames(day_of(session["started_at"]), str(session["id"]))

    def _frames(self) -> Iterator[Row]:
        for session in self.sessions():
            for event in self.frames(session).events():
                yield {"session": session["id"], **row_of_frame(event)}

    def _of_table(self, kind: Kind) -> Iterator[Row]:
        found = self._all_found()
        since, until = (None, None) if found is None else self._span(found)
        for day in self._days(since, until):
            yield from self._of_day(kind, day, found)

    def _span(self, found: _Found) -> tuple[datetime | None, datetime | None]:
        """From when to when something can have happened that is wanted."""
        ids, wanted = self._chosen.ids, self._chosen.filter
        since = found.first if ids else wanted.since
        if found.last is None or (wanted.until is None and not ids):
            return since, None
        return since, max(found.last + _DAY, wanted.until or found.last)

    def _of_day(self, kind: Kind, day: str, found: _Found | None) -> Iterator[Row]:
        table = TABLES[kind]
        looking, erased = self._log.contents.looking(), {owner(row) for row in self._log.rows(day, ERASED).values()}
        few = found.ids if found is not None and self._chosen.ids else None
        rows = settled(partial(self._log.lines_of, day, table), table) if few is None else self._log.of_sessions(day, table, few)
        for row in rows:
            if found is None or str(row.get("session")) in found.ids or self._is_free(row):
                state = GONE if owner(row) in erased else MISSING
                yield rejoined(table, row, partial(looking.find, day, owner(row)), state)

    def _is_free(self, row: Row) -> bool:
        """Whether it belongs to no session, and counts by its own time."""
        chosen = self._chosen
        return row.get("session") is None and chosen.everything and Listed(since=chosen.filter.since, until=chosen.filter.until).fits(row)

    def _all_found(self) -> _Found | None:
        """The chosen sessions, read once; None where all are."""
        if self._chosen == Chosen():
            return None
        if self._found is None:
            self._found = _Found()
            for session in self.sessions():
                self._found.add(session)
        return self._found

    def _days(self, since: datetime | None, until: datetime | None) -> Iterator[str]:
        wanted = Listed(since=since, until=until)
        return filter(wanted.day, self._log.days())
