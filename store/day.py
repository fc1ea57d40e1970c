"""One day of the log for its writer: tables of which only the ids are in memory, and the chained file behind them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from store.chain import BEGINNING
from store.chain import NOTHING
from store.chain import After
from store.chain import Chain
from store.chain import Head
from store.chain import beginning_of
from store.chain import head_at
from store.clock import Clock
from store.commit import Committer
from store.files import blocks
from store.files import end_of_lines
from store.files import last_line
from store.files import open_reading
from store.journal import Journal
from store.replay import Ahead
from store.replay import Tail
from store.storage import LOCK_WAIT
from store.table import AppendDB
from store.tables import BILLING
from store.tables import ERASED
from store.tables import ERASURES
from store.tables import FINDINGS
from store.tables import SESSIONS
from store.tables import TURNS

_NAME_BYTES: Final = 16


class Day:
    """A day that is written to. An existing file is locked and its unfinished last line cut off. Raises OSError, LogLocked.

    `before` gives the head of the day before this one, for a file that begins a chain now; `sealed` is how often it is sealed, in seconds.
    """

    def __init__(self, path: Path, committer: Committer, clock: Clock, before: Callable[[], After | None], sealed: float) -> None:
        self.path = path
        self._committer = committer
        self._journal = Journal(path, header=b"")
        if path.exists(follow_symlinks=False):
            self._journal.open(LOCK_WAIT)
        database = AppendDB(path, sink=self._put, clock=clock)
        self._chain = self._continued(database.storage.chain) or self._begun(before, sealed)
        self.sessions = database.table(SESSIONS)
        self.turns = database.table(TURNS)
        self.findings = database.table(FINDINGS)
        self.billing = database.table(BILLING)
        self.erased = database.table(ERASED)
        self.erasures = database.table(ERASURES)

    @property
    def torn(self) -> int:
        """Bytes that were cut off."""
        return self._journal.torn

    def ahead(self) -> Ahead:
        """How much of the file is acknowledged, and what will follow."""
        return self._committer.ahead(self._journal)

    def head(self) -> Head | None:
        """The last line that is acknowledged; None while there is none. May be called from any thread."""
        return head_at(self._chain.name, self._journal.last)

    def retire(self) -> bool:
        """Let go of the file; False, and nothing done, while lines for it wait."""
        return self._committer.retire(self._journal)

    def _put(self, line: bytes) -> None:
        made, head = self._chain.next(line)
        self._committer.put(self._journal, made)
        self._chain.head = head

    def _continued(self, chain: str) -> Chain | None:
        head = head_at(chain, self._journal.last)
        return None if head is None else Chain(chain, head)

    def _begun(self, before: Callable[[], After | None], sealed: float) -> Chain:
        return Chain(os.urandom(_NAME_BYTES).hex(), after=before(), before=self._digest(), sealed=sealed)

    def _digest(self) -> str:
        """Of what stands in the file already."""
        if not self._journal.size:
            return NOTHING
        found, descriptor = hashlib.sha256(), self._journal.open()
        for block in blocks(descriptor, 0, self._journal.size):
            found.update(block)
        return found.hexdigest()


def head_of(path: Path) -> Head | None:
    """The head of a day's file that nobody writes to; None where it is not chained. Raises OSError."""
    descriptor = open_reading(path)
    try:
        last = last_line(descriptor, end_of_lines(descriptor))
    finally:
        os.close(descriptor)
    begun = [line for _, line in Tail(path).lines(needle=BEGINNING) if line.startswith(BEGINNING)]
    return head_at(beginning_of(begun[-1]).chain, last) if begun else None
