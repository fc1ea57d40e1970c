"""One direction of something numbered that crosses a relay: what left, what arrived, and how long each took.

Departures and arrivals are stamped in one process, so a delay is one-way and no clocks are compared.
"""

from __future__ import annotations

from array import array
from collections import deque
from time import perf_counter
from typing import Final

_RING: Final = 1_024
_STALE: Final = 5.0
_QUIET: Final = 10
"""Small packets in a row after which the next big one begins a new sound."""

_BIG: Final = 1.5
"""Times the smallest packet seen lately."""


class Stream:
    """Matches arrivals with departures by their number; one that arrives twice counts once."""

    __slots__ = ("_left", "_recording", "delays", "received", "sent")

    def __init__(self) -> None:
        self._recording = False
        self.begin(array("d"))

    def begin(self, delays: array[float]) -> None:
        """Counts from here on; `delays` collects seconds and may be shared."""
        self.delays, self.sent, self.received, self._recording = delays, 0, 0, True
        self._left = array("d", bytes(8 * _RING))

    def end(self) -> None:
        """Departures no longer count; what is on its way still may arrive."""
        self._recording = False

    def leave(self, number: int) -> None:
        if self._recording:
            self.sent += 1
            self._left[number % _RING] = perf_counter()

    def arrive(self, number: int, size: int) -> None:
        left = self._left[number % _RING]
        if left:
            self._left[number % _RING] = 0.0
            self.delays.append(perf_counter() - left)
            self.received += 1

    @property
    def lost(self) -> int:
        return self.sent - self.received


class Sound(Stream):
    """Audio through a relay that decodes: numbers and packets are new on the other side, so what is timed is the start of each sound.

    A start is the first big packet after a quiet stretch. Packets are only counted, so `lost` is exact to the few that are on
    their way when counting begins and ends.
    """

    __slots__ = ("_aligned", "_floor", "_small", "_starts", "cycle")

    def __init__(self, cycle: int) -> None:
        super().__init__()
        self.cycle = cycle
        self._starts: deque[float] = deque()
        self._aligned = False
        self._small = 0
        self._floor: deque[int] = deque(maxlen=cycle)

    def leave(self, number: int) -> None:
        if number % self.cycle == 0:
            self._starts.append(perf_counter())
        self.sent += self._recording

    def arrive(self, number: int, size: int) -> None:
        self.received += self._recording
        self._floor.append(size)
        if size <= _BIG * min(self._floor):
            self._small += 1
        elif self._small < _QUIET:
            self._small = 0
        else:
            self._small = 0
            self._started(perf_counter())

    @property
    def lost(self) -> int:
        return max(0, super().lost)

    def _started(self, now: float) -> None:
        """Each start belongs to the oldest one that left; the first that is recognised belongs to the one that left last."""
        while self._starts and (now - self._starts[0] > _STALE or (len(self._starts) > 1 and not self._aligned)):
            self._starts.popleft()
        if self._starts:
            self._aligned = True
            delay = now - self._starts.popleft()
            if self._recording:
                self.delays.append(delay)
