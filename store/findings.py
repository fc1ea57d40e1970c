"""How many findings the log takes, so that nobody who makes the proxy find something all the time can fill the disk."""

from __future__ import annotations

from collections import Counter
from typing import Final

from store.lines import Row

PER_SESSION: Final = 1_000
PER_DAY: Final = 10_000
"""Of those that belong to no session, such as refused requests."""


class Room:
    """Counts. `refused` is how many findings were not written since the start."""

    def __init__(self) -> None:
        self.refused = 0
        self._sessions: Counter[str] = Counter()
        self._day = ""
        self._of_day = 0

    def take(self, record: Row) -> bool:
        """Whether a finding may be written, which is counted then."""
        session = record.get("session")
        fits = self._sessions[session] < PER_SESSION if session else self._counted(record["at"][:10]) < PER_DAY
        if not fits:
            self.refused += 1
        elif session:
            self._sessions[session] += 1
        else:
            self._of_day += 1
        return fits

    def forget(self, session: str) -> None:
        """The session is over."""
        del self._sessions[session]

    def _counted(self, day: str) -> int:
        if day != self._day:
            self._day, self._of_day = day, 0
        return self._of_day
