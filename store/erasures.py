"""What the log writes about content that is removed: an act (who, when, why, how much), and a mark for each session that it concerns.

The mark stands in the file of the records whose texts go. It is written before they go, so that nothing is missing without one.
"""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Iterator
from contextlib import contextmanager

from store.clock import stamp
from store.contents import Place as ContentPlace
from store.day import Day
from store.days import file_of
from store.lines import Row
from store.texts import NOBODY
from store.writer import Writer


class Erasing(Writer):
    """The part of the log that `store.erasing` uses."""

    @contextmanager
    def holding(self, days: Collection[str]) -> Iterator[None]:
        """These days stay open meanwhile."""
        self._held = {*self._held, *days}
        try:
            yield
        finally:
            self._held = {*self._held} - {*days}
            self._tidy()

    def is_open(self, day: str) -> bool:
        """Whether a day can be written to without reading its file."""
        return day in self._days

    def opened(self, day: str) -> Day:
        """A day that is to be `adopt`ed; may take a while, and be called from any thread. Raises OSError, LogLocked."""
        return self._opened(day)

    def adopt(self, day: str, made: Day) -> None:
        """Write to this day from now on."""
        if day in self._days:
            made.retire()
        else:
            self._days[day] = made

    def act_begun(self, record: Row) -> tuple[str, int]:
        """Write that something is going to be erased; returns where that stands."""
        day = stamp(self._clock())[:10]
        return day, self._day(day).erasures.insert({"at": stamp(self._clock()), **record, "done_at": None})

    def act_done(self, place: tuple[str, int], fields: Row) -> None:
        """Write that it is done."""
        self._day(place[0]).erasures.amend(place[1], {"done_at": stamp(self._clock()), **fields})

    def still_written(self, session: str) -> list[ContentPlace]:
        """The contents of a session, of any day, that are being written to, on the disk yet or not."""
        return self._contents.places(session) if session != NOBODY else []

    def mark(self, place: ContentPlace, fields: Row) -> None:
        """Write that the content of a session in the records of a day is gone. What it says from now on is not kept."""
        day, session = place
        if session != NOBODY:
            self._contents.expel(session)
        if session in self._live:
            self._live[session].erased = True
        else:
            self._contents.forget(session)
        self._day(day).erased.insert({"session": session, "at": stamp(self._clock()), **fields})

    def session_marked(self, day: str, document: int, fields: Row) -> None:
        """Set fields of a session by its place."""
        self._day(day).sessions.amend(document, fields)

    def remove_day(self, day: str) -> None:
        """Remove the file of a day and its seals. May be called from any thread, for a day that is not open. Raises OSError."""
        self._sealer.remove(file_of(self.folder, day))

    def destroy(self, places: Collection[ContentPlace]) -> int:
        """Destroy the keys of contents and remove them; returns how many there were. May be called from any thread. Raises OSError."""
        return self._contents.destroy(places)
