"""Placing calls: how long it takes one after the other, and what it costs with several callers at once."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from time import perf_counter
from typing import Final

from bench.calls.call import opened
from bench.calls.leg import Lost
from bench.calls.peers import start
from bench.calls.provider import Provider
from bench.calls.rows import BASE
from bench.calls.rows import added
from bench.calls.target import CallTarget
from bench.clock import quantile
from bench.load import Refused
from bench.run import Row
from bench.run import Run

_AT_ONCE: Final = 8
_FIGURES: Final = tuple(f"{moment}_p50_ms" for moment in ("answer", "connected", "channel", "event"))


async def placed(target: CallTarget, provider: Provider) -> dict[str, float]:
    """One call from request to the end of the provider's leg, which the caller's hanging up brings about; milliseconds by moment."""
    call, _ = await opened(target, provider)
    began = perf_counter()
    await call.close()
    async with asyncio.timeout(10):
        await call.provider.over.wait()
    return call.setup | {"gone": (perf_counter() - began) * 1_000}


async def several(target: CallTarget, provider: Provider, number: int) -> None:
    """So many calls, always eight at once."""
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one() -> None:
        async with gate:
            await placed(target, provider)

    for result in await asyncio.gather(*(one() for _ in range(number)), return_exceptions=True):
        if isinstance(result, BaseException):
            raise result


async def _alone(target: CallTarget, provider: Provider, number: int) -> Row:
    moments: dict[str, list[float]] = defaultdict(list)
    await placed(target, provider)
    for _ in range(number):
        for name, took in (await placed(target, provider)).items():
            moments[name].append(took / 1_000)
    shares = ((name, values, share) for name, values in moments.items() for share in (50, 99))
    return {f"{name}_p{share}_ms": quantile(values, share / 100) for name, values, share in shares}


async def _cost(target: CallTarget, provider: Provider, number: int) -> Row:
    meter = target.meters().get("whole")
    if not meter:
        return {}
    before = meter.cpu()
    await several(target, provider, number)
    await provider.emptied()
    return {"cpu_ms": (meter.cpu() - before) / number * 1_000}


async def _peer(run: Run, peer: str, provider: Provider) -> Row:
    row: Row = {"about": "setup", "peer": peer}
    try:
        async with start(peer, provider.port) as target:
            row |= await _alone(target, provider, run.scale.placed)
            return row | await _cost(target, provider, run.scale.placed)
    except (Refused, Lost, OSError, RuntimeError) as error:
        return row | {"error": str(error) or type(error).__name__}


async def measure(run: Run, provider: Provider) -> list[Row]:
    rows = []
    for peer in run.call_peers:
        rows.append(await _peer(run, peer, provider))
        run.say(f"  {rows[-1]}")
    base = next((row for row in rows if row["peer"] == BASE), {})
    return [row if row["peer"] == BASE else added(row, base, _FIGURES) for row in rows]
