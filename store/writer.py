"""The files of the log as its one writer has them open: days, contents, what waits for the disk, and the seals."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from pathlib import Path

from store.chain import After
from store.chain import Head
from store.clock import Clock
from store.commit import Committer
from store.commit import Counters
from store.commit import Failure
from store.contentfolder import frames_of
from store.contents import Contents
from store.day import Day
from store.day import head_of
from store.days import day_of
from store.days import file_of
from store.days import folder_of
from store.errors import LogUnavailable
from store.errors import explained
from store.findings import Room
from store.framefile import VERSION
from store.framefile import FrameFile
from store.framefile import Header
from store.keyfile import KeyFile
from store.lock import WriterLock
from store.reader import LogReader
from store.reader import Place
from store.sealer import SECONDS
from store.sealer import Sealer

logger = logging.getLogger(__name__)


class Writer:
    """Used from one thread, except for reading."""

    def __init__(
        self,
        data: Path,
        lock: WriterLock,
        committer: Committer,
        clock: Clock,
        *,
        seal_every: float = SECONDS,
        anchor: Path | None = None,
    ) -> None:
        self.folder = folder_of(data)
        self._lock = lock
        self._committer = committer
        self._clock = clock
        self._sealed = seal_every
        self._days: dict[str, Day] = {}
        self._held: Collection[str] = ()
        """Days that stay open although nothing in them is live."""
        self._live: dict[str, Place] = {}
        self._refused: set[str] = set()
        """Sessions whose first record was lost to a full buffer, until they close."""
        self._room = Room()
        self._contents = Contents(data, committer, KeyFile(data))
        self._sealer = Sealer(data, self._heads, clock, every=seal_every, anchor=anchor)
        self.reader = LogReader(data, writing=self._days, contents=self._contents)

    @property
    def failure(self) -> Failure | None:
        """Why nothing can be written now, and since when; None while all is well."""
        return self._committer.failure

    @property
    def counters(self) -> Counters:
        """Lines, bytes, commits and errors since the start, and what waits."""
        return self._committer.counters

    def commit(self) -> None:
        """Wait until everything written so far is on the disk. Raises LogUnavailable when it cannot be now."""
        self._committer.durable().result()

    async def committed(self) -> None:
        """As `commit`, without blocking the event loop."""
        await asyncio.wrap_future(self._committer.durable())

    def close(self) -> int:
        """Write what waits and let others write; returns how many lines could not be written, which are lost."""
        lost = self._committer.close()
        self._sealer.stop()
        for day in self._days.values():
            day.retire()
        if lost:
            cause = f": {self.failure.text}" if self.failure is not None else ""
            logger.error("%d line(s) of the log could not be written and are lost%s", lost, cause)
        try:
            self._lock.release(clean=not lost and not self._live and self._lock.since is None)
        except OSError as error:
            logger.warning("%s; the next start looks for open sessions", explained(error, self.folder))
        return lost

    def frame_file(self, session: str, started_at: str, keeps: str, content: str) -> FrameFile:
        """The file for the messages of a session, for a writer of its own. `keeps` and `content` as in `Header`. Raises LogUnavailable."""
        day = day_of(started_at)
        path = frames_of(self.folder.parent, day, session)

        def make(number: int, key: bytes) -> FrameFile:
            facts = Header("frames", VERSION, session, number, started_at, keeps, content)
            return FrameFile(path, self._contents.keys, number, key, facts)

        return self._contents.beside(day, session, make)

    def _check(self) -> None:
        failure = self.failure
        if failure is not None:
            raise LogUnavailable(failure.text, kept=True)

    def _day(self, day: str) -> Day:
        if day not in self._days:
            try:
                self._days[day] = self._opened(day)
            except OSError as error:
                raise LogUnavailable(explained(error, file_of(self.folder, day))) from error
        return self._days[day]

    def _opened(self, day: str) -> Day:
        return Day(file_of(self.folder, day), self._committer, self._clock, lambda: self._before(day), self._sealed)

    def _before(self, day: str) -> After | None:
        """The head of the newest other day that has one, for the beginning of this one."""
        for other in sorted({*self.reader.days()} - {day}, reverse=True):
            path = file_of(self.folder, other)
            head = self._days[other].head() if other in self._days else head_of(path)
            if head is not None:
                return After(path.name, head.chain, head.seq, head.digest)
        return None

    def _tidy(self) -> None:
        """Let go of days without live sessions, but the newest, and of the contents of sessions that are over."""
        needed = {place.day for place in self._live.values()} | {max(self._days, default=""), *self._held}
        for day in self._days.keys() - needed:
            if self._days[day].retire() and (head := (retired := self._days.pop(day)).head()) is not None:
                self._sealer.last(retired.path, head)
        self._contents.retire(self._live)

    def _heads(self) -> dict[Path, Head]:
        """How far each day has come on the disk; called from the thread that seals."""
        return {day.path: head for day in list(self._days.values()) if (head := day.head()) is not None}
