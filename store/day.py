"""One day of the log for its writer: tables of which only the ids are in memory, and the file behind them."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from store.clock import Clock
from store.commit import Committer
from store.dayreader import BILLING
from store.dayreader import FINDINGS
from store.dayreader import SESSIONS
from store.dayreader import TURNS
from store.journal import Journal
from store.replay import Ahead
from store.storage import LOCK_WAIT
from store.table import AppendDB


class Day:
    """A day that is written to. An existing file is locked and its unfinished last line cut off. Raises OSError, LogLocked."""

    def __init__(self, path: Path, committer: Committer, clock: Clock) -> None:
        self._committer = committer
        self._journal = Journal(path)
        if path.exists(follow_symlinks=False):
            self._journal.open(LOCK_WAIT)
        database = AppendDB(path, sink=partial(committer.put, self._journal), clock=clock)
        self.sessions = database.table(SESSIONS)
        self.turns = database.table(TURNS)
        self.findings = database.table(FINDINGS)
        self.billing = database.table(BILLING)

    @property
    def torn(self) -> int:
        """Bytes that were cut off."""
        return self._journal.torn

    def ahead(self) -> Ahead:
        """How much of the file is acknowledged, and what will follow."""
        return self._committer.ahead(self._journal)

    def retire(self) -> bool:
        """Let go of the file; False, and nothing done, while lines for it wait."""
        return self._committer.retire(self._journal)
