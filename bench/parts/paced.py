"""How many realtime-paced sessions one core carries: each sends ten appends a second and is answered half of the time
with twenty deltas a second. The bar is the 99th percentile of one-way delays, less that of a direct connection at the
same number of sessions.
"""

from __future__ import annotations

import asyncio
from array import array
from dataclasses import dataclass
from time import perf_counter
from typing import Final

from bench import events
from bench.clock import Line
from bench.clock import quantile
from bench.load import Refused
from bench.load import Session
from bench.load import Stuck
from bench.peers import Target
from bench.quiet import no_collection
from bench.run import Row
from bench.run import Run
from bench.run import Sample
from bench.talk import costed
from bench.talk import sessions
from bench.upstream import Upstream
from bench.wire import client_frame

LIMIT_MS: Final = 50.0
LADDER: Final = (20, 30, 40, 50, 60, 70, 80, 100, 120, 150, 180, 220, 270, 330, 400, 470, 550, 630, 720, 820, 910, 1_000, 1_150, 1_300)
_TICK: Final = 0.005
_DELTA_TICKS: Final = 10
_APPEND_TICKS: Final = 20
_CYCLE: Final = 80
"""Delta slots in one cycle of speaking (first half) and silence (second half): four seconds."""

_WARM: Final = 1.0
_APPEND: Final = client_frame(events.append())


@dataclass(slots=True)
class Voice:
    """One live session: what its two ends have to send at a tick."""

    number: int
    client: Session
    server: Upstream
    up: Line
    down: Line
    speaking: bool = False

    def tick(self, tick: int) -> int:
        """Sends what is due; returns the number of frames."""
        sent = 0
        if (tick + self.number) % _APPEND_TICKS == 0:
            self.up.leave()
            self.client.transport.write(_APPEND)
            sent += 1
        if (tick + self.number) % _DELTA_TICKS == 0:
            sent += self._speak(((tick + self.number) // _DELTA_TICKS + self.number * 7) % _CYCLE)
        return sent

    def _speak(self, slot: int) -> int:
        if slot == 0:
            self.speaking = True
            self.down.leave()
            self.server.begin()
        elif self.speaking:
            self.down.leave()
            self.server.send("done" if slot == _CYCLE // 2 else ("audio", "transcript")[slot % 2])
            self.speaking = slot != _CYCLE // 2
        else:
            return 0
        return 1


def _attach(run: Run, opened: dict[str, Session], seconds: array[float]) -> list[Voice]:
    voices = []
    for number, (name, client) in enumerate(opened.items()):
        server = run.upstream.named.pop(name)
        client.line, server.line = down, up = Line(seconds), Line(seconds)
        voices.append(Voice(number, client, server, up, down))
    return voices


async def _drive(voices: list[Voice], first: int, seconds: float) -> int:
    """Runs the clock; a tick that comes late is sent late, never left out. Returns the frames sent."""
    began, sent = perf_counter(), 0
    for tick in range(int(seconds / _TICK)):
        wait = began + tick * _TICK - perf_counter()
        await asyncio.sleep(max(0.0, wait))
        for voice in voices:
            sent += voice.tick(first + tick)
    return sent


async def rung(run: Run, target: Target, number: int) -> Sample:
    """So many sessions for the scale's `pace`: delays, CPU per frame, share of a core. Raises Stuck when frames got lost on the way."""
    seconds = array("d")
    async with sessions(target, number) as opened:
        voices = _attach(run, opened, seconds)
        with no_collection():
            await _drive(voices, 0, _WARM)
            del seconds[:]
            cost = await costed(target, _drive(voices, int(_WARM / _TICK), run.scale.pace))
        await asyncio.sleep(0.3)
        late = sum(voice.up.missing + voice.down.missing for voice in voices)
        lost = [voice.client.closed for voice in voices if voice.client.closed]
    if lost or late > cost["frames"] / 100:
        raise Stuck(lost[0] if lost else f"{late} of {cost['frames']:.0f} frames still on their way")
    delays = {"p50_ms": quantile(seconds, 0.5), "p99_ms": quantile(seconds, 0.99)}
    return delays | cost | ({"core": cost["us_per_frame"] * cost["frames_per_s"] / 1e6} if "us_per_frame" in cost else {})


class Ladder:
    """Finds the largest rung that holds, by bisection; the direct connection is measured once a rung."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._rungs = LADDER[:: -run.scale.stride][::-1]
        self._direct: dict[int, float] = {}

    async def _base(self, number: int) -> float:
        if number not in self._direct:
            async with self._run.one("direct") as target:
                assert target
                self._direct[number] = (await rung(self._run, target, number))["p99_ms"]
                await self._run.upstream.emptied()
        return self._direct[number]

    async def _try(self, target: Target, number: int) -> Row:
        """One rung: its figures and `p99_added_ms`, or the `error` that ended it."""
        base = await self._base(number)
        try:
            sample = await rung(self._run, target, number)
            row: Row = {"sessions": number, **sample, "p99_added_ms": sample["p99_ms"] - base}
        except (Stuck, Refused, OSError) as error:
            row = {"sessions": number, "error": str(error) or type(error).__name__}
        await self._run.upstream.emptied()
        shown = row.get("error") or "p99 +{p99_added_ms:.1f} ms, core {core:.0%}, waited {waited:.0%}".format(**row)
        self._run.say(f"    {number}: {shown}")
        return row

    async def climb(self, target: Target) -> Row:
        """The largest rung that held, with its figures; `rungs` has all that were tried, `top` says the ladder was too short."""
        low, high = -1, len(self._rungs)
        tried: dict[int, Row] = {}
        while high - low > 1:
            middle = (low + high) // 2
            tried[middle] = await self._try(target, self._rungs[middle])
            low, high = (middle, high) if tried[middle].get("p99_added_ms", LIMIT_MS) < LIMIT_MS else (low, middle)
        best = tried[low] if low >= 0 else {"sessions": 0}
        return {**best, "top": low == len(self._rungs) - 1, "rungs": [tried[index] for index in sorted(tried)]}


async def measure(run: Run) -> list[Row]:
    ladder, rows = Ladder(run), []
    for peer in run.peers:
        if peer == "direct":
            continue
        run.say(f"  {peer}:")
        async with run.one(peer) as target:
            if target:
                rows.append({"peer": peer, **await ladder.climb(target)})
    return rows
