"""How long the turns of one session let the user wait for the first sound: percentiles of the newest, and the last few to draw."""

from __future__ import annotations

from typing import Any
from typing import Final

from realtime.recent import Recent

KEPT: Final = 512
"""Turns that the percentiles are of, the newest."""
SHOWN: Final = 32


class Latencies:
    """Milliseconds by the index of the turn; a turn that is told again takes its own place."""

    def __init__(self) -> None:
        self._kept: Recent[int, float] = Recent(KEPT)
        self._record: dict[str, Any] | None = None

    def note(self, index: int, milliseconds: float) -> None:
        """A turn had its first sound."""
        if self._kept.get(index) != milliseconds:
            self._kept[index] = milliseconds
            self._record = None

    def record(self) -> dict[str, Any] | None:
        """`{p50, p95, last}`, `last` in the order of the turns; None while no turn had sound."""
        if self._record is None and self._kept:
            values = [self._kept[index] for index in sorted(self._kept)]
            ordered = sorted(values)
            self._record = {"p50": percentile(ordered, 50), "p95": percentile(ordered, 95), "last": values[-SHOWN:]}
        return self._record


def percentile(ordered: list[float], percent: int) -> float:
    """Of at least one value in ascending order, by the nearest rank."""
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]
