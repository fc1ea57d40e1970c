"""The state: what outlives sessions, in `<data>/state.jsonl`. The command line and a running proxy share it.

Every change takes the file's lock for a moment and is on the disk when the call returns; `refresh()` sees what others did.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from store.clock import Clock
from store.clock import utc_now
from store.table import AppendDB
from store.table import AppendTable

FILE: Final = "state.jsonl"


class State(AppendDB):
    """The state of a data folder. Nothing is made on the disk before the first change. Raises OSError, LogFormat."""

    def __init__(self, data: Path, *, clock: Clock = utc_now) -> None:
        super().__init__(data / FILE, clock=clock)

    @property
    def keys(self) -> AppendTable:
        """Keys made on the command line, one document each."""
        return self.table("keys")

    @property
    def erasures(self) -> AppendTable:
        """What is to be erased, see `store.requests`."""
        return self.table("erasures")

    @property
    def tokens(self) -> AppendTable:
        """Ephemeral keys, see `store.tokens`."""
        return self.table("tokens")
