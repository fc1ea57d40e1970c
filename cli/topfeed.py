"""What `top` shows, read again and again: from the control port of the proxy that serves the data folder, else from its log."""

from __future__ import annotations

import shlex
import threading
import time
from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from datetime import datetime
from pathlib import Path
from typing import Any
from typing import Final

from cli.controlport import ask
from cli.errors import Failure
from cli.records import filter_of
from cli.records import readable
from cli.runfile import find_running
from store.overview import overview
from store.reader import LogReader

Record = dict[str, Any]

_SECONDS: Final = 1.0
"""Between two readings."""
_SHARE: Final = 20
"""A reading that takes long is followed by a pause of so many times its length,"""
_LONGEST: Final = 4.0
"""and at most so many seconds."""


@dataclass(frozen=True, slots=True)
class View:
    """`sessions` and `totals` as `store.overview` has them; the turns of the session that was asked for."""

    sessions: list[Record]
    totals: Record
    running: bool
    """Whether a proxy told, or the log was read."""
    turns: list[Record] | None = None
    wrong: str | None = None


class Source:
    """Reads once; `condition` is in the grammar of `sessions`. Raises Failure VT105 when made, VT102 when read."""

    def __init__(self, data: Path, condition: Sequence[str], limit: int) -> None:
        filter_of(list(condition))
        self._data = data
        self._condition = list(condition)
        self._limit = limit
        self._log = LogReader(data)

    def read(self, shown: str | None = None) -> View:
        """What there is now, with the turns of the session `shown`."""
        told = self._told()
        found = told or self._logged()
        turns = None
        if shown is not None:
            with readable(self._data):
                turns = self._log.turns(shown)
        return View(found["sessions"], found["totals"], told is not None, turns)

    def _told(self) -> Record | None:
        if find_running(self._data) is None:
            return None
        try:
            return ask(self._data, "/api/top", q=shlex.join(self._condition), limit=self._limit)
        except Failure:  # it is about to stop, or has just begun
            return None

    def _logged(self) -> Record:
        with readable(self._data):
            return overview(self._log, [], filter_of(self._condition), self._limit, datetime.now(UTC))


class Feed:
    """Reads in a thread of its own, so that keys never wait; `told` is called there whenever there is something new."""

    def __init__(self, source: Source, told: Callable[[], None]) -> None:
        self.view: View | None = None
        self._source = source
        self._told = told
        self._shown: str | None = None
        self._now = threading.Event()
        threading.Thread(target=self._run, name="top", daemon=True).start()

    def show(self, session: str | None) -> None:
        """Read the turns of this session too, at once."""
        self._shown = session
        self._now.set()

    def again(self) -> None:
        """Do not wait for the next reading."""
        self._now.set()

    def _run(self) -> None:
        while True:
            begun = time.monotonic()
            self._now.clear()
            self.view = self._read()
            self._told()
            self._now.wait(min(_LONGEST, max(_SECONDS, _SHARE * (time.monotonic() - begun))))

    def _read(self) -> View:
        try:
            return self._source.read(self._shown)
        except Failure as failure:
            before = self.view
            return View(before.sessions if before else [], before.totals if before else _NOTHING, running=False, wrong=failure.message)


_NOTHING: Final[Record] = {"open": 0, "cost": None, "first_audio": None}
