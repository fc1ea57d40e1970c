"""What the load says in a closed loop, and how its cost to the proxy is counted."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from collections.abc import Awaitable
from collections.abc import Callable
from collections.abc import Sequence
from contextlib import asynccontextmanager
from functools import partial
from itertools import count
from time import perf_counter
from time import process_time
from typing import Final

from bench import events
from bench.load import Session
from bench.peers import Target
from bench.process import waited
from bench.run import Sample
from bench.wire import client_frame

APPENDS: Final = 50
DELTAS: Final = 50
_UP: Final = APPENDS + 2
_DOWN: Final = 2 * DELTAS + 3
TURN_FRAMES: Final = _UP + _DOWN
"""Appends, commit and `response.create` up; committed, created, audio and transcript deltas, done down."""

_TURN: Final = b"".join(
    (
        *(client_frame(events.append()) for _ in range(APPENDS)),
        client_frame(events.commit()),
        client_frame(events.response_create(DELTAS)),
    )
)
_numbers = count(1)


@asynccontextmanager
async def sessions(target: Target, number: int, *, echo: bool = False) -> AsyncIterator[dict[str, Session]]:
    """So many open sessions, by the names under which the upstream knows them."""
    gate = asyncio.Semaphore(16)
    opened: dict[str, Session] = {}

    async def open_one() -> None:
        async with gate:
            session = await Session.open(target)
            name = f"s{next(_numbers)}"
            opened[name] = session
            await session.named(name, echo=echo)

    try:
        for problem in await asyncio.gather(*(open_one() for _ in range(number)), return_exceptions=True):
            if problem:
                raise problem
        yield opened
    finally:
        await asyncio.gather(*(session.close() for session in opened.values()))


async def turn(session: Session) -> int:
    """One spoken turn and its answer; returns the frames that crossed the proxy."""
    await session.ask(_TURN, _DOWN)
    return TURN_FRAMES


async def repeated(step: Callable[[], Awaitable[int]], seconds: float) -> int:
    """Repeats until the time is over; returns the sum of what the steps returned."""
    total, end = 0, perf_counter() + seconds
    while perf_counter() < end:
        total += await step()
    return total


async def costed(target: Target, work: Awaitable[int]) -> Sample:
    """Awaits work that returns a number of frames, and says what they cost.

    `us_per_frame` is the proxy's CPU in microseconds. `load_core` is the share of a core that the load took: near 1 it is the load
    that sets the pace. `waited` is the share of the time in which the proxy or the load was ready but did not have its core: well
    above 0 a neighbour disturbs.
    """
    meter, pids = target.meter, [pid for pid in (target.pid, os.getpid()) if pid]
    cpu, before = meter.cpu() if meter else 0.0, [waited(pid) for pid in pids]
    own, began = process_time(), perf_counter()
    with target.measured():
        frames = await work
    elapsed = perf_counter() - began
    disturbed = max(waited(pid) - start for pid, start in zip(pids, before, strict=True)) / elapsed
    sample = {"frames": float(frames), "frames_per_s": frames / elapsed, "load_core": (process_time() - own) / elapsed, "waited": disturbed}
    return sample | {"us_per_frame": (meter.cpu() - cpu) / frames * 1e6} if meter else sample


async def conversation(target: Target, seconds: float, number: int = 4) -> Sample:
    """The realistic mix: so many sessions, each asking as soon as it was answered."""
    async with sessions(target, number) as opened:
        await asyncio.gather(*map(turn, opened.values()))
        steps = [repeated(partial(turn, session), seconds) for session in opened.values()]
        return await costed(target, _sum(steps))


async def _sum(work: Sequence[Awaitable[int]]) -> int:
    return sum(await asyncio.gather(*work))
