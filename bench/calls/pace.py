"""A steady beat for many at once: everybody acts once in each period, evenly spread over it, and nobody drifts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from collections.abc import Sequence
from time import perf_counter

Actors = Callable[[], Sequence[Callable[[], None]]]
"""Asked once a period: who acts in it."""


async def beat(actors: Actors, period: float) -> None:
    """Runs until cancelled; `period` in seconds. A beat that comes late is made up for at once."""
    began, turns = perf_counter(), 0
    while True:
        acting = actors()
        step, done = period / max(1, len(acting)), 0
        start = began + turns * period
        while done < len(acting):
            due = int((perf_counter() - start) / step) + 1
            for act in acting[done:due]:
                act()
            done = max(done, min(due, len(acting)))
            await asyncio.sleep(max(0.0, start + done * step - perf_counter()))
        turns += 1
        await asyncio.sleep(max(0.0, began + turns * period - perf_counter()))
