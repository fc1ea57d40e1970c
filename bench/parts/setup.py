"""Opening sessions: from the TCP connect to the upstream's `session.created` at the client, one after the other and eight at once."""

from __future__ import annotations

import asyncio
from array import array
from time import perf_counter
from typing import Final

from bench.clock import quantile
from bench.load import Session
from bench.peers import Target
from bench.run import Row
from bench.run import Run
from bench.run import Sample
from bench.talk import costed
from bench.talk import repeated

_AT_ONCE: Final = 8


async def _one(target: Target, seconds: array[float]) -> int:
    began = perf_counter()
    session = await Session.open(target)
    seconds.append(perf_counter() - began)
    await session.close()
    return 1


async def _opened(target: Target, at_once: int, seconds: float) -> tuple[Sample, array[float]]:
    took = array("d")

    async def several() -> int:
        return sum(await asyncio.gather(*(repeated(lambda: _one(target, took), seconds) for _ in range(at_once))))

    return await costed(target, several()), took


async def measure(run: Run) -> list[Row]:
    """Rows with `p50_ms` and `p99_ms` of a lone set-up, `sessions_per_s` and `cpu_ms` of set-up and close under load."""

    async def both(target: Target) -> Sample:
        _, alone = await _opened(target, 1, run.scale.seconds)
        busy, _ = await _opened(target, _AT_ONCE, run.scale.seconds)
        delays = {"p50_ms": quantile(alone, 0.5), "p99_ms": quantile(alone, 0.99), "sessions_per_s": busy["frames_per_s"]}
        return delays | ({"cpu_ms": busy["us_per_frame"] / 1_000} if "us_per_frame" in busy else {})

    return await run.interleaved(both)
