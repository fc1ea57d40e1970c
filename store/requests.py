"""Erasing on request: whoever wants something erased writes it down in the state; whoever writes the log carries it out and says so there.

So one process alone changes the log, a request outlives both, and one that a crash interrupted is carried out again.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from datetime import timedelta
from pathlib import Path
from typing import Any
from typing import Final

from tinydb import where

from store.clock import Clock
from store.clock import stamp
from store.clock import utc_now
from store.erasing import Act
from store.erasing import Done
from store.erasing import Release
from store.erasing import carry_out
from store.errors import LogUnavailable
from store.errors import explained
from store.inventory import Inventory
from store.inventory import Known
from store.inventory import Target
from store.log import Log
from store.state import State
from store.targets import chosen
from store.targets import without_record

KEPT: Final = timedelta(days=1)
"""For how long a request that was carried out stays in the state."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be erased: these sessions, those of a key, or those that ended before a moment. `by` is who asked, `at` when."""

    id: str
    at: str
    by: str
    sessions: tuple[str, ...] = ()
    key: str | None = None
    before: str | None = None

    def wants(self, session: str, known: Known) -> bool:
        """Whether a session is meant; what began after the request is not."""
        if self.before is not None:
            return known.ended_at is not None and known.ended_at < self.before
        return known.started_at <= self.at and (session in self.sessions or (self.key is not None and known.principal == self.key))

    @property
    def wanted(self) -> dict[str, Any]:
        """As the log says it."""
        found = {"sessions": list(self.sessions) or None, "key": self.key, "before": self.before}
        return {name: value for name, value in found.items() if value is not None}

    def targets(self, inventory: Inventory) -> list[Target]:
        """What of all there is goes."""
        found = chosen(inventory, self.wants)
        return found if self.before is None else [*found, *without_record(inventory, self.before)]


class Requests:
    """The requests of a data folder; use it from one thread. Raises OSError and StoreError, as `State` does."""

    def __init__(self, data: Path, *, clock: Clock = utc_now) -> None:
        self._state = State(data, clock=clock)
        self._clock = clock

    def ask(self, by: str, *, sessions: Sequence[str] = (), key: str | None = None, before: datetime | None = None) -> Request:
        """Write down what is to be erased."""
        now = self._clock()
        made = Request(f"era_{os.urandom(10).hex()}", stamp(now), by, tuple(sessions), key, None if before is None else stamp(before))
        with self._state.exclusive():
            table = self._state.erasures
            old = [row.doc_id for row in table.all() if (row.get("done_at") or stamp(now)) < stamp(now - KEPT)]
            table.remove(doc_ids=old)
            table.insert({"id": made.id, "at": made.at, "by": by, **made.wanted, "done_at": None})
        return made

    def pending(self) -> list[Request]:
        """Those that are not carried out, oldest first."""
        self._state.refresh()
        return [_request(row) for row in self._state.storage.rows("erasures").values() if row.get("done_at") is None]

    def done(self, request: Request, done: Done) -> None:
        """A request is carried out."""
        fields = {"done_at": stamp(self._clock()), "sessions_erased": done.sessions}
        self._state.erasures.update({**fields, "contents": done.contents, "recordings": done.recordings}, where("id") == request.id)

    def outcome(self, request: Request) -> Done | None:
        """What was done about a request, None while nothing was."""
        self._state.refresh()
        for row in self._state.storage.rows("erasures").values():
            if row["id"] == request.id and row.get("done_at") is not None:
                return Done(row["sessions_erased"], row["contents"], row["recordings"])
        return None


async def fulfil(log: Log, data: Path, request: Request, release: Release) -> Done:
    """Carry out a request. Raises LogUnavailable where something could not be removed; do it again then."""
    try:
        targets = await asyncio.to_thread(lambda: request.targets(Inventory(log.reader, data)))
    except OSError as error:
        raise LogUnavailable(explained(error, data)) from error
    return await carry_out(log, data, Act(request.id, request.by, "asked for", targets, wanted=request.wanted), release)


def _request(row: Any) -> Request:
    return Request(row["id"], row["at"], row["by"], tuple(row.get("sessions") or ()), row.get("key"), row.get("before"))
