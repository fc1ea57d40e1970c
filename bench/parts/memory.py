"""Resident memory: how much it grows while frames pass, and what a live session that waits weighs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final

from bench.load import Refused
from bench.load import Session
from bench.load import Stuck
from bench.peers import Target
from bench.process import Meter
from bench.run import Row
from bench.run import Run
from bench.talk import sessions
from bench.talk import turn

_MB: Final = 1_000_000
_WARM: Final = 100_000
_CAP: Final = 1_200 * _MB
"""Growth beyond this ends the measurement: the peer keeps what it relays, and the rest is a straight line."""

_SLOW: Final = 100_000
"""Frames a peer with such growth is given at least."""


async def _until(opened: Iterable[Session], frames: int, done: int, meter: Meter, base: int) -> int:
    while done < frames:
        done += sum(await asyncio.gather(*(turn(session) for session in opened)))
        if done >= _SLOW and meter.rss() - base > _CAP:
            break
    return done


async def _growth(target: Target, meter: Meter, frames: int) -> Row:
    start = meter.rss()
    async with sessions(target, 4) as opened:
        warm = await _until(opened.values(), min(_WARM, frames // 2), 0, meter, start)
        before = meter.rss()
        done = await _until(opened.values(), frames, warm, meter, start)
        after = meter.rss()
    grown = {"growth_mb": (after - before) / _MB, "growth_frames": done - warm}
    return {"start_mb": start / _MB, "warm_mb": before / _MB, "end_mb": after / _MB, "frames": done, **grown}


async def _idle(target: Target, meter: Meter, number: int) -> Row:
    """Difference between a few and many sessions that each held one turn: the base of the process drops out."""
    few = number // 5
    async with sessions(target, few) as first:
        await _talked(first.values())
        before = meter.rss()
        async with sessions(target, number) as more:
            await _talked(more.values())
            return {"live_session_kb": (meter.rss() - before) / number / 1_000, "live_sessions": number}


async def _talked(opened: Iterable[Session]) -> None:
    for session in opened:
        await turn(session)
    await asyncio.sleep(0.5)


async def measure(run: Run) -> list[Row]:
    rows = []
    for peer in run.peers:
        if peer == "direct":
            continue
        rows.append(await _fresh(run, peer, "growth") | await _fresh(run, peer, "idle"))
        run.say(f"  {rows[-1]}")
    return [row for row in rows if len(row) > 1]


async def _fresh(run: Run, peer: str, kind: str) -> Row:
    async with run.one(peer) as target:
        if not target or not target.meter:
            return {"peer": peer}
        try:
            if kind == "growth":
                return {"peer": peer, **await _growth(target, target.meter, run.scale.frames)}
            return {"peer": peer, **await _idle(target, target.meter, run.scale.idle)}
        except (Stuck, Refused, OSError) as error:
            return {"peer": peer, f"{kind}_error": str(error) or type(error).__name__}
