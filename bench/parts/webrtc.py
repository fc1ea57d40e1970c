"""WebRTC calls: what they cost, how late audio and events are, how fast they are placed and ended, what they weigh."""

from __future__ import annotations

from typing import Final

from bench.calls import ending
from bench.calls import ladder
from bench.calls import setups
from bench.calls import weight
from bench.calls.provider import providing
from bench.run import Row
from bench.run import Run

_MEASURES: Final = (ladder.measure, setups.measure, weight.measure, ending.measure)


async def measure(run: Run) -> list[Row]:
    rows: list[Row] = []
    async with providing() as provider:
        for step in _MEASURES:
            rows += await step(run, provider)
    return rows
