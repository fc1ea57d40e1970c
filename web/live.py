"""What happens in sessions, told to everybody who looks on as soon as the log has it. Costs nothing while nobody does.

An onlooker who does not keep up is cut, and hears no more; it is for the page to look again and come back.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from dataclasses import field
from datetime import datetime
from typing import Any
from typing import Final
from typing import Literal

from store.dayreader import Follower
from store.errors import StoreError
from store.lines import Line
from store.reader import LogReader
from store.tables import FINDINGS
from store.tables import SESSIONS
from store.tables import TURNS
from web.reading import Work

logger = logging.getLogger(__name__)

POLL_SECONDS: Final = 0.1
MOST_WAITING: Final = 512
"""Changes that wait for one onlooker."""
MOST_ONLOOKERS: Final = 64

Record = dict[str, Any]
Kind = Literal["session", "turn", "finding", "paused", "resumed"]


@dataclass(frozen=True, slots=True)
class Change:
    """A session, turn or finding that is new or different, or a message that was paused or went on.

    `session` is the id of the one it belongs to, None for a finding of none.
    """

    kind: Kind
    session: str | None
    record: Record


@dataclass(eq=False)
class Onlooker:
    """One who looks on; `wants` says which changes."""

    wants: Callable[[Kind, str | None], bool]
    waiting: asyncio.Queue[Change | None] = field(default_factory=lambda: asyncio.Queue(MOST_WAITING))
    cut: bool = False

    def tell(self, change: Change) -> None:
        """Let it wait in line; who has too many waiting is cut."""
        if self.waiting.full():
            self.end()
        elif not self.cut:
            self.waiting.put_nowait(change)

    def end(self) -> None:
        """Nothing comes any more."""
        self.cut = True
        while not self.waiting.empty():
            self.waiting.get_nowait()
        self.waiting.put_nowait(None)


class TooMany(Exception):
    """As many look on as may."""


class Watch:
    """Follows the log while somebody looks on."""

    def __init__(self, log: LogReader, work: Work) -> None:
        self._log = log
        self._work = work
        self._onlookers: set[Onlooker] = set()
        self._task: asyncio.Task[None] | None = None
        self._beginning = asyncio.Lock()
        self.paused: Callable[[], list[Record]] = list
        """The messages that are paused now."""

    @asynccontextmanager
    async def joined(self, wants: Callable[[Kind, str | None], bool]) -> AsyncIterator[Onlooker]:
        """Look on while the block runs: nothing that is written from then on is missed. Raises TooMany, StoreError, OSError."""
        if len(self._onlookers) >= MOST_ONLOOKERS:
            raise TooMany
        onlooker = Onlooker(wants)
        async with self._beginning:
            if self._task is None:
                new = await asyncio.to_thread(self._log.follow)
                self._task = asyncio.create_task(self._follow(new), name="live pages")
            self._onlookers.add(onlooker)
        try:
            yield onlooker
        finally:
            self._onlookers.discard(onlooker)

    def tell(self, kind: Kind, session: str, record: Record) -> None:
        """Something happened that is not in the log."""
        for onlooker in list(self._onlookers):
            if onlooker.wants(kind, session):
                onlooker.tell(Change(kind, session, record))

    def close(self) -> None:
        """The port closes: nobody is told anything any more."""
        for onlooker in self._onlookers:
            onlooker.end()
        if self._task is not None:
            self._task.cancel()

    async def _follow(self, new: Follower) -> None:
        while self._onlookers or self._beginning.locked():
            try:
                changes = await self._changes(await asyncio.to_thread(new.poll))
            except (StoreError, OSError) as error:
                logger.warning("pages are not told what happens: %s", error)
                changes = []
            for change in changes:
                for onlooker in list(self._onlookers):
                    if onlooker.wants(change.kind, change.session):
                        onlooker.tell(change)
            await asyncio.sleep(POLL_SECONDS)
        self._task = None

    async def _changes(self, lines: list[Line]) -> list[Change]:
        """What the lines say, with the records as they are now; nothing is read where nobody wants it."""
        wanted = [onlooker.wants for onlooker in self._onlookers]
        turns = {name: found for name, found in _turns(lines).items() if any(wants("turn", name) for wants in wanted)}
        findings = {row["id"]: row["at"] for row in _rows(lines, FINDINGS) if any(wants("finding", row.get("session")) for wants in wanted)}
        sessions = [
            name for name in dict.fromkeys(row["id"] for row in _rows(lines, SESSIONS)) if any(wants("session", name) for wants in wanted)
        ]
        return await self._work(changes, turns, findings, sessions) if turns or findings or sessions else []


def changes(log: LogReader, turns: dict[str, set[int]], findings: dict[str, str], sessions: list[str]) -> list[Change]:
    """Turns by session and index, findings by id with their time, and sessions, as they are now."""
    found = [Change("turn", name, turn) for name, indices in turns.items() for turn in log.turns(name, indices=indices)]
    if findings:
        listed = log.glances(since=datetime.fromisoformat(min(findings.values())))[::-1]
        found += [Change("finding", row["session"], row) for row in log.found(one for one in listed if one.glance.id in findings)]
    records = [record for name in sessions if (record := log.named(name)) is not None]
    return found + [Change("session", record["id"], {**record, "live": record["ended_at"] is None}) for record in records]


def _rows(lines: Iterable[Line], table: str) -> Iterator[Record]:
    return (row for line in lines if line.table == table for row in (*line.put.values(), *line.set.values()))


def _turns(lines: Iterable[Line]) -> dict[str, set[int]]:
    """Which turns changed, by session."""
    found: dict[str, set[int]] = {}
    for row in _rows(lines, TURNS):
        found.setdefault(row["session"], set()).add(row["index"])
    return found
