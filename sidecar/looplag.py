"""How late the event loop is: a timer asked for every 50 ms, and by how much it missed, second by second."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

EVERY: Final = 0.05
PER_SECOND: Final = 20


@dataclass(frozen=True, slots=True)
class Lag:
    """Delays in seconds over the last second."""

    p50: float = 0.0
    p99: float = 0.0


class LoopLag:
    """Measures while `run` runs; `now` is the last full second."""

    def __init__(self) -> None:
        self.now = Lag()

    async def run(self) -> None:
        """Until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            late = []
            for _ in range(PER_SECOND):
                due = loop.time() + EVERY
                await asyncio.sleep(EVERY)
                late.append(max(0.0, loop.time() - due))
            self.now = lag_of(late)


def lag_of(late: Sequence[float]) -> Lag:
    """Median and 99th percentile of at least one delay."""
    ordered = sorted(late)
    last = len(ordered) - 1
    return Lag(ordered[last // 2], ordered[round(last * 0.99)])
