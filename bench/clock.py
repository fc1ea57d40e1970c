"""How long messages took: departures in order, arrivals in order, no byte of a message touched."""

from __future__ import annotations

from array import array
from collections import deque
from time import perf_counter


class Line:
    """One direction of one session. WebSocket keeps order, so the n-th arrival belongs to the n-th departure."""

    __slots__ = ("_left", "seconds")

    def __init__(self, seconds: array[float]) -> None:
        """`seconds` collects the delays; several lines may share it."""
        self._left: deque[float] = deque()
        self.seconds = seconds

    def leave(self) -> None:
        self._left.append(perf_counter())

    def arrive(self, count: int) -> None:
        now = perf_counter()
        for _ in range(count):
            self.seconds.append(now - self._left.popleft())

    @property
    def missing(self) -> int:
        return len(self._left)


def quantile(values: array[float] | list[float], share: float) -> float:
    """The value below which `share` of the values lie, in milliseconds for values in seconds; needs at least one."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1_000
