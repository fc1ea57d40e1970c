"""Memory: what a live call weighs, and what remains after many calls that were placed and hung up."""

from __future__ import annotations

import asyncio
from typing import Final

from bench.calls.exchange import exchange
from bench.calls.leg import Lost
from bench.calls.peers import start
from bench.calls.provider import Provider
from bench.calls.rows import BASE
from bench.calls.setups import several
from bench.calls.target import CallTarget
from bench.load import Refused
from bench.process import Meter
from bench.run import Row
from bench.run import Run

_MB: Final = 1_000_000
_TALK: Final = 3.0
"""Seconds for which calls talk before they are weighed."""

_REST: Final = 2.0
"""Seconds between the last hanging up and the weighing."""


def _rss(meters: dict[str, Meter]) -> dict[str, int]:
    return {name: meter.rss() for name, meter in meters.items()}


async def _live(target: CallTarget, provider: Provider, number: int) -> Row:
    """Difference between a few and many calls: the base of the processes drops out."""
    few = max(1, number // 5)
    async with exchange(target, provider) as calls:
        await calls.grow(few)
        await asyncio.sleep(_TALK)
        before = _rss(target.meters())
        await calls.grow(number)
        await asyncio.sleep(_TALK)
        after = _rss(target.meters())
    each = {name: (after[name] - before[name]) / (number - few) / 1_000 for name in after}
    return {"call_kb": each["whole"]} | ({"media_call_kb": each["media"]} if "media" in each else {})


async def _left(target: CallTarget, provider: Provider, number: int) -> Row:
    """After a quarter of the calls, and after all of them."""
    meter, early = target.meters()["whole"], number // 4
    await several(target, provider, early)
    await provider.emptied()
    await asyncio.sleep(_REST)
    before, files = meter.rss(), meter.files()
    await several(target, provider, number - early)
    await provider.emptied()
    await asyncio.sleep(_REST)
    after = meter.rss()
    grown = {"growth_mb": (after - before) / _MB, "files_more": meter.files() - files}
    return {"early_calls": early, "late_calls": number, "early_mb": before / _MB, "late_mb": after / _MB, **grown}


def _heavy(run: Run, peer: str) -> int:
    return max(run.scale.recoded if peer == "aiortc" else run.scale.calls)


async def measure(run: Run, provider: Provider) -> list[Row]:
    rows = []
    for peer in (peer for peer in run.call_peers if peer != BASE):
        row: Row = {"about": "memory", "peer": peer}
        try:
            async with start(peer, provider.port) as target:
                row |= await _live(target, provider, _heavy(run, peer))
                row |= await _left(target, provider, 4 * run.scale.placed)
        except (Refused, Lost, OSError, RuntimeError) as error:
            row |= {"error": str(error) or type(error).__name__}
        rows.append(row)
        run.say(f"  {row}")
    return rows
