"""Control over live calls: from an operator's word until both legs of a call are closed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from time import perf_counter
from typing import Final

from bench.calls.ask import ask
from bench.calls.call import Call
from bench.calls.exchange import Exchange
from bench.calls.exchange import exchange
from bench.calls.leg import Lost
from bench.calls.peers import start
from bench.calls.provider import Provider
from bench.calls.target import Control
from bench.clock import quantile
from bench.load import Refused
from bench.run import Row
from bench.run import Run

PEER: Final = "voicetap"
_AT_ONCE: Final = 20
_PATIENCE: Final = 15.0


async def _gone(calls: Sequence[Call], began: float) -> float:
    """Seconds from `began` until the last leg is closed. Raises Lost."""
    try:
        async with asyncio.timeout(_PATIENCE):
            for call in calls:
                await call.caller.over.wait()
                await call.provider.over.wait()
    except TimeoutError:
        raise Lost(f"a leg was still open {_PATIENCE:.0f} s after the call was to end") from None
    return perf_counter() - began


async def _only(port: int, key: dict[str, str]) -> str:
    """The one live session, once those of earlier calls are over. Raises Lost."""
    for _ in range(100):
        listed = json.loads((await ask(port, "GET", "/api/sessions", key)).body)
        live = [str(record["id"]) for record in listed["sessions"] if record["live"]]
        if len(live) == 1:
            return live[0]
        await asyncio.sleep(0.05)
    raise Lost(f"{len(live)} sessions are live, one was to be")


async def _killed(control: Control, call: Call) -> float:
    """The only live call is ended at the control door."""
    key = {"Authorization": f"Bearer {control.token}"}
    session = await _only(control.port, key)
    began = perf_counter()
    reply = await ask(control.port, "POST", f"/api/sessions/{session}/kill", key)
    if reply.status != 202:
        raise Refused(f"{reply.status} {reply.body[:300]}")
    return await _gone([call], began)


async def kills(calls: Exchange, control: Control, number: int) -> Row:
    """So many calls, one after the other, each ended by an operator."""
    took = []
    for _ in range(number):
        call = await calls.open()
        await asyncio.sleep(0.2)
        took.append(await _killed(control, call))
        await calls.empty()
    return {"kill_p50_ms": quantile(took, 0.5), "kill_max_ms": max(took) * 1_000}


async def _revoked(calls: Exchange, control: Control, number: int) -> Row:
    """The key of all callers is revoked while they talk."""
    await calls.grow(number)
    await asyncio.sleep(1)
    began = perf_counter()
    control.revoke()
    return {"revoked_calls": number, "revoked_max_ms": await _gone(calls.calls, began) * 1_000}


async def measure(run: Run, provider: Provider) -> list[Row]:
    """One row, of the one peer that has a control door."""
    if PEER not in run.call_peers:
        return []
    row: Row = {"about": "control", "peer": PEER}
    try:
        async with start(PEER, provider.port) as target, exchange(target, provider) as calls:
            assert target.control
            row |= await kills(calls, target.control, max(5, run.scale.placed // 5))
            row |= await _revoked(calls, target.control, _AT_ONCE)
    except (Refused, Lost, OSError, RuntimeError) as error:
        row |= {"error": str(error) or type(error).__name__}
    run.say(f"  {row}")
    return [row]
