"""How long an audio append and its echo take, there and back: as fast as answers come, and at a real-time pace.

A round trip crosses the proxy twice; nothing is halved.
"""

from __future__ import annotations

import asyncio
from array import array
from time import perf_counter
from typing import Final

from bench import events
from bench.clock import Line
from bench.clock import quantile
from bench.load import Session
from bench.load import Stuck
from bench.peers import Target
from bench.run import Row
from bench.run import Run
from bench.run import Sample
from bench.talk import costed
from bench.talk import sessions
from bench.wire import client_frame

PER_SECOND: Final = 50
_APPEND: Final = client_frame(events.append())


async def _loop(session: Session, line: Line, seconds: float) -> int:
    count, end = 0, perf_counter() + seconds
    while perf_counter() < end:
        line.leave()
        await session.ask(_APPEND, 1)
        count += 2
    return count


async def _pace(session: Session, line: Line, seconds: float) -> int:
    echoes = int(seconds * PER_SECOND)
    began = perf_counter()
    for number in range(echoes):
        await asyncio.sleep(max(0.0, began + number / PER_SECOND - perf_counter()))
        line.leave()
        await session.write(_APPEND)
    await asyncio.sleep(0.2)
    if line.missing:
        raise Stuck(f"{line.missing} of {echoes} echoes never came")
    return 2 * echoes


async def measured(target: Target, name: str, seconds: float) -> Sample:
    """One session in a `loop`, as fast as answers come, or at a `pace`: `loop_p50_ms`, `loop_p99_ms`, … Raises Refused, Stuck."""
    way = {"loop": _loop, "pace": _pace}[name]
    async with sessions(target, 1, echo=True) as opened:
        (session,) = opened.values()
        await session.ask(_APPEND * 20, 20)
        session.line = line = Line(array("d"))
        sample = await costed(target, way(session, line, seconds))
    delays = {f"{name}_p50_ms": quantile(line.seconds, 0.5), f"{name}_p99_ms": quantile(line.seconds, 0.99)}
    return delays | {f"{name}_{figure}": sample[figure] for figure in ("us_per_frame", "waited") if figure in sample}


async def measure(run: Run) -> list[Row]:
    """Rows with `loop_p50_ms`, `pace_p99_ms`, … and what each adds to `direct`."""

    async def both(target: Target) -> Sample:
        return await measured(target, "loop", run.scale.seconds) | await measured(target, "pace", 2 * run.scale.pace)

    rows = await run.interleaved(both)
    base = next((row for row in rows if row["peer"] == "direct"), None)
    return [row | _added(row, base) for row in rows] if base else rows


def _added(row: Row, base: Row) -> Row:
    return {f"{name}_added": row[name] - base[name] for name in base if name.endswith("_ms") and name in row}
