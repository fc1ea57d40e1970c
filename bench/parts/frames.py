"""The realistic mix in a closed loop: what a frame costs the proxy, and how many pass in a second."""

from __future__ import annotations

from bench.run import Row
from bench.run import Run
from bench.talk import conversation


async def measure(run: Run) -> list[Row]:
    return await run.interleaved(lambda target: conversation(target, run.scale.seconds))
