"""What a session still has to send, and when: single events and running answers, in the order of their times.

An answer is an iterator that is advanced only when its last event was taken, so it can be cut between two events and
then knows exactly what was sent.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heapify
from heapq import heappop
from heapq import heappush
from itertools import count
from typing import Any

Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Close:
    """The end of the connection, with a close code and a reason."""

    code: int
    reason: str = ""


Sent = Event | Close
Steps = Iterator[tuple[float, Sent]]
"""Pairs of a wait in seconds after the step before, and what is sent then."""


class Timeline:
    """Times are seconds of any monotonic clock that the caller keeps."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Sent, Steps | None]] = []
        self._order = count()

    def put(self, at: float, event: Sent) -> None:
        """Sends `event` at `at`, after whatever was put there before."""
        heappush(self._heap, (at, next(self._order), event, None))

    def play(self, at: float, steps: Steps) -> None:
        """Starts `steps` at `at`."""
        step = next(steps, None)
        if step is not None:
            wait, event = step
            heappush(self._heap, (at + wait, next(self._order), event, steps))

    def stop(self, steps: Steps) -> None:
        """Forgets what is left of `steps`."""
        self._heap = [entry for entry in self._heap if entry[3] is not steps]
        heapify(self._heap)

    def next_at(self) -> float | None:
        """When something is due next, or None when nothing is."""
        return self._heap[0][0] if self._heap else None

    def pop(self, now: float) -> Sent | None:
        """The next thing that is due at `now`, or None."""
        if not self._heap or self._heap[0][0] > now:
            return None
        at, _, event, steps = heappop(self._heap)
        if steps is not None:
            self.play(at, steps)
        return event
