"""The log as the proxy writes it. Calls are cheap and never wait for the disk; `committed()` does.

A record is acknowledged once a commit that began after its call has succeeded. While the disk refuses, calls raise
`LogUnavailable` with `kept` set: the record waits in memory and is written as soon as the disk allows. One process writes
a log; reading goes through the same files as everywhere else, plus what still waits.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from store.clock import Clock
from store.clock import stamp
from store.clock import utc_now
from store.commit import MAX_BYTES
from store.commit import MAX_LINES
from store.commit import RETRY_SECONDS
from store.commit import Committer
from store.days import day_of
from store.days import days_in
from store.days import file_of
from store.days import folder_of
from store.erasures import Erasing
from store.errors import LogLocked
from store.errors import LogUnavailable
from store.errors import explained
from store.files import private_folder
from store.lines import Row
from store.lock import LOCK
from store.lock import WriterLock
from store.reader import LogReader
from store.reader import Place
from store.recovery import Recovered
from store.recovery import Recovery
from store.recovery import Torn
from store.recovery import completion
from store.sealer import SECONDS
from store.tables import FINDINGS
from store.tables import TURNS
from store.texts import without

__all__ = ["Log", "LogLocked", "LogReader", "LogUnavailable"]

logger = logging.getLogger(__name__)


class Log(Erasing):
    """The one writer of a log. Made by `Log.open`; used from one thread, except for reading."""

    @classmethod
    def open(
        cls,
        data: Path,
        *,
        clock: Clock = utc_now,
        retry: float = RETRY_SECONDS,
        max_bytes: int = MAX_BYTES,
        max_lines: int = MAX_LINES,
        seal_every: float = SECONDS,
        anchor: Path | None = None,
    ) -> Log:
        """Become the writer. Raises LogLocked with the pid of another one, LogUnavailable when the folder cannot be used.

        The buffer holds `max_bytes` and `max_lines`; a failed write is tried again every `retry` seconds. What is new is sealed every
        `seal_every` seconds, in the file `anchor` too. Call `recover` next.
        """
        folder = folder_of(data)
        try:
            private_folder(folder)
            lock = WriterLock(folder / LOCK, stamp(clock())[:10])
        except OSError as error:
            raise LogUnavailable(explained(error, folder)) from error
        committer = Committer(clock, retry=retry, max_bytes=max_bytes, max_lines=max_lines)
        return cls(data, lock, committer, clock, seal_every=seal_every, anchor=anchor)

    @property
    def findings_refused(self) -> int:
        """Findings that were not written, because a session or a day had too many."""
        return self._room.refused

    def recover(self, now: datetime, then: Callable[[str], None] = lambda day: None) -> Recovery:
        """Complete what earlier runs left open and cut unfinished lines. Raises LogUnavailable when that cannot be written.

        `then` is called with each day of the runs that did not end properly, after its sessions are complete. Done again, `then`
        too, at the next start when it fails or does not come to its end; sessions of this run are left alone.
        """
        since = self._lock.since
        days = [] if since is None else [day for day in days_in(self.folder) if day >= since]
        try:
            torn = [torn for day in days if (torn := self._torn(day)) is not None]
            sessions = [recovered for day in days for recovered in self._complete(day)]
            for day in days:
                then(day)
            self._day(stamp(now)[:10])
            self.commit()
            self._lock.recovered(min((place.day for place in self._live.values()), default=stamp(now)[:10]))
        except OSError as error:
            raise LogUnavailable(explained(error, self.folder)) from error
        for recovered in sessions:
            logger.warning("%s: completed after a crash, ended %s", recovered.session, recovered.ended_at)
        self._tidy()
        self._sealer.seal()
        return Recovery(tuple(sessions), tuple(torn))

    def session_opened(self, record: Row) -> None:
        """Write a new session; `id` and `started_at` are required. Raises ValueError for an id that is open already."""
        session = str(record["id"])
        if session in self._live:
            raise ValueError(f"session {session!r} is open already")
        day = day_of(record["started_at"])
        try:
            self._live[session] = Place(day, self._day(day).sessions.insert(record))
        except LogUnavailable:
            self._refused.add(session)
            raise
        self._tidy()
        self._check()

    def session_changed(self, session: str, fields: Row) -> None:
        """Set fields of a session."""
        place = self._place(session)
        self._day(place.day).sessions.amend(place.document, {**fields, "id": session})
        self._check()

    def session_closed(self, session: str, fields: Row) -> None:
        """Set the last fields of a session; `ended_at` is now when they have none."""
        try:
            place = self._place(session)
        finally:
            self._live.pop(session, None)
            self._refused.discard(session)
            self._room.forget(session)
            self._contents.forget(session)
        ended = {"ended_at": stamp(self._clock()), **fields, "id": session}
        self._day(place.day).sessions.amend(place.document, ended)
        self._tidy()
        self._check()

    def turn_written(self, record: Row) -> None:
        """Write a turn, by its `session` and `index`; one that was written before is replaced."""
        place = self._place(record["session"])
        turns = self._day(place.day).turns
        known = place.turns.get(record["index"])
        kept = self._kept(place, TURNS, record)
        if known is None:
            place.turns[record["index"]] = turns.insert(kept)
        else:
            turns.replace(known, kept)
        self._check()

    def turn_amended(self, session: str, index: int, fields: Row) -> None:
        """Set fields of a turn that was written."""
        place = self._place(session)
        if index not in place.turns:
            raise LogUnavailable(f"session {session!r} has no turn {index} in the log")
        kept = self._kept(place, TURNS, {**fields, "session": session, "index": index})
        self._day(place.day).turns.amend(place.turns[index], kept)
        self._check()

    def finding(self, record: Row) -> bool:
        """Write a finding; `at` is required, `session` where it belongs to one. False where there are too many, which is counted."""
        if not self._room.take(record):
            return False
        day = day_of(record["at"])
        self._day(day).findings.insert(self._contents.keep(FINDINGS, record, day))
        self._check()
        return True

    def billed(self, record: Row) -> None:
        """Write a billing row; `at` is required, `session` where it belongs to one."""
        self._day(day_of(record["at"])).billing.insert(record)
        self._check()

    def sessions(self, **conditions: Any) -> list[Row]:
        """As `LogReader.sessions`."""
        return self.reader.sessions(**conditions)

    def session(self, session: str) -> Row | None:
        """As `LogReader.session`."""
        return self.reader.session(session)

    def turns(self, session: str) -> list[Row]:
        """As `LogReader.turns`."""
        return self.reader.turns(session)

    def _place(self, session: str) -> Place:
        place = self._live.get(session)
        if place is None and session not in self._refused:
            place = self.reader.place(session)
        if place is None:
            raise LogUnavailable(f"session {session!r} is not in the log, its record is lost")
        return place

    def _kept(self, place: Place, table: str, record: Row) -> Row:
        """The record without its texts, which are written, or gone with those of an erased session."""
        return without(table, record) if place.erased else self._contents.keep(table, record, place.day)

    def _torn(self, day: str) -> Torn | None:
        torn = self._day(day).torn
        return Torn(str(file_of(self.folder, day)), torn) if torn else None

    def _complete(self, day: str) -> Iterator[Recovered]:
        """Complete the sessions of a day that have no end."""
        for session, lines in self.reader.unended(day).items():
            if session in self._live:
                continue
            made = completion(day, lines)
            self._live[session] = made.place
            for index, fields in made.turns.items():
                self.turn_amended(made.session, index, fields)
            self.session_closed(made.session, made.fields)
            yield made.recovered
