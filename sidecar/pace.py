"""How fast messages may pass in one direction: bursts at once, everything beyond in its time."""

from __future__ import annotations

from typing import Final

BURST_SECONDS: Final = 5.0
"""As much as may pass in this time passes at once, where nothing did before."""

_LEAST: Final = 0.0005
"""Nobody waits for less."""


class Pace:
    """At most `count` in `seconds` for good. Times are of any clock that only goes forward."""

    def __init__(self, count: int, seconds: float) -> None:
        self.count = count
        self.seconds = seconds
        self._interval = seconds / count
        self._ahead = max(BURST_SECONDS, seconds) - self._interval
        self._due = 0.0
        """When all that passed so far would have, one after the other."""

    def wait(self, now: float) -> float:
        """Seconds until the next message may pass, 0 for now; it is taken to do so then."""
        due = max(self._due, now)
        self._due = due + self._interval
        wait = due - self._ahead - now
        return wait if wait > _LEAST else 0.0
