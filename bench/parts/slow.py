"""A client that stops reading while the upstream sends: what it costs the proxy in memory, whether its own uplink
still flows, and what another session of the same proxy feels.
"""

from __future__ import annotations

import asyncio
from array import array
from typing import Final

from bench import events
from bench.clock import Line
from bench.clock import quantile
from bench.load import Refused
from bench.load import Session
from bench.load import Stuck
from bench.peers import Target
from bench.process import Meter
from bench.run import Row
from bench.run import Run
from bench.talk import sessions
from bench.wire import client_frame

_MB: Final = 1_000_000
_DELTAS: Final = 20_000
"""Of 4 KB each: 82 MB that the stalled client does not read."""

_UPLINK: Final = 100
_APPEND: Final = client_frame(events.append())


async def _neighbour(session: Session, meter: Meter, seconds: float) -> tuple[float, int]:
    """Echoes 50 a second while the other client stalls: p99 in milliseconds, and the largest resident size seen."""
    session.line = line = Line(array("d"))
    peak = 0
    for number in range(int(seconds * 50)):
        line.leave()
        await session.write(_APPEND)
        await asyncio.sleep(0.02)
        if number % 10 == 0:
            peak = max(peak, meter.rss())
    await asyncio.sleep(0.5)
    waiting = [seconds] if line.missing else []
    return quantile([*line.seconds, *waiting], 0.99), peak


async def _stalled(run: Run, target: Target, meter: Meter) -> Row:
    async with sessions(target, 1) as slow, sessions(target, 1, echo=True) as other:
        ((name, stalled),) = slow.items()
        (neighbour,) = other.values()
        upstream, base = run.upstream.named[name], meter.rss()
        before, goal = upstream.appends, stalled.received + _DELTAS + 2
        stalled.transport.pause_reading()
        stalled.transport.write(client_frame(events.response_create(_DELTAS, transcript=False)))
        await asyncio.sleep(0.5)
        stalled.transport.write(_APPEND * _UPLINK)
        p99, peak = await _neighbour(neighbour, meter, run.scale.pace)
        passed = upstream.appends - before
        stalled.transport.resume_reading()
        await stalled.until(goal)
        return {"peak_growth_mb": (peak - base) / _MB, "neighbour_p99_ms": p99, "uplink_passed": passed, "uplink_sent": _UPLINK}


async def measure(run: Run) -> list[Row]:
    """`uplink_passed` of `uplink_sent` appends of the stalled client arrived while it did not read."""
    rows = []
    for peer in run.peers:
        async with run.one(peer) as target:
            if not target or not target.meter:
                continue
            try:
                rows.append({"peer": peer, **await _stalled(run, target, target.meter)})
            except (Stuck, Refused, OSError) as error:
                rows.append({"peer": peer, "error": str(error) or type(error).__name__})
            run.say(f"  {rows[-1]}")
    return rows
