"""Calls that are open at once: they talk all the time at a real-time pace, may come and go, and are measured over a stretch."""

from __future__ import annotations

import asyncio
import os
from array import array
from collections.abc import AsyncIterator
from collections.abc import Callable
from collections.abc import Sequence
from contextlib import asynccontextmanager
from itertools import chain
from time import perf_counter
from time import process_time
from typing import Final

from bench.calls import talk
from bench.calls.call import Call
from bench.calls.call import opened
from bench.calls.pace import beat
from bench.calls.provider import Provider
from bench.calls.sound import PER_SECOND
from bench.calls.stream import Stream
from bench.calls.target import CallTarget
from bench.clock import quantile
from bench.process import Meter
from bench.process import waited
from bench.quiet import no_collection
from bench.run import Sample

_AT_ONCE: Final = 8
_WARM: Final = 1.5
"""Seconds between the last set-up and a measurement."""

_SETTLE: Final = 0.4
_LATEST: Final = 3.0
"""Seconds after which what has not arrived counts as lost and not as late."""


class Exchange:
    def __init__(self, target: CallTarget, provider: Provider) -> None:
        self.target = target
        self.provider = provider
        self.calls: list[Call] = []
        self.refused = 0
        """How often a caller was asked to come back later."""
        self.talkative = True
        """Whether events are said; audio always is."""
        self._gate = asyncio.Semaphore(_AT_ONCE)

    async def open(self) -> Call:
        """One more call. Raises Refused, Lost or OSError."""
        async with self._gate:
            call, refused = await opened(self.target, self.provider)
        self.refused += refused
        self.calls.append(call)
        return call

    async def grow(self, number: int) -> None:
        """Opens calls until there are so many; raises what the first that failed raised."""
        missing = number - len(self.calls)
        for result in await asyncio.gather(*(self.open() for _ in range(missing)), return_exceptions=True):
            if isinstance(result, BaseException):
                raise result

    async def hang_up(self, call: Call) -> None:
        self.calls.remove(call)
        await call.close()

    async def empty(self) -> None:
        """Hangs up every call and waits until the provider has none left."""
        await asyncio.gather(*(self.hang_up(call) for call in tuple(self.calls)))
        await self.provider.emptied()

    def voices(self) -> list[Callable[[], None]]:
        return list(chain.from_iterable(call.voices() for call in self.calls if call.alive))

    def sayings(self) -> list[Callable[[], None]]:
        return [call.say for call in self.calls if call.alive] if self.talkative else []

    async def measure(self, seconds: float) -> Sample:
        """What a stretch cost and how late and lossy audio and events were; shares are of one, `…_ms` of CPU per call and second."""
        await asyncio.sleep(_WARM)
        audio, said = array("d"), array("d")
        for call in self.calls:
            call.begin(audio, said)
        with no_collection():
            costs = await _costs(self.target, len(self.calls), seconds)
        for call in self.calls:
            call.end()
        streams = [stream for call in self.calls for stream in call.audio]
        events = [stream for call in self.calls for stream in call.events]
        await _settled([*streams, *events])
        dead = sum(not call.alive for call in self.calls)
        return {
            "calls": float(len(self.calls)),
            "dead": float(dead),
            "refused": float(self.refused),
            **costs,
            **_crossed("audio", streams, audio),
            **_crossed("event", events, said),
        }


async def _settled(streams: Sequence[Stream]) -> None:
    """Waits until all has arrived, but not for ever."""
    for _ in range(round(_LATEST / _SETTLE)):
        await asyncio.sleep(_SETTLE)
        if not any(stream.lost for stream in streams):
            break


async def _costs(target: CallTarget, calls: int, seconds: float) -> Sample:
    meters, pids = target.meters(), [pid for pid in (target.pid, target.media(), os.getpid()) if pid]
    before, stood = _cpu(meters), [waited(pid) for pid in pids]
    own, began = process_time(), perf_counter()
    await asyncio.sleep(seconds)
    elapsed = perf_counter() - began
    spent = {f"{name}_ms": (cpu - before[name]) / elapsed / calls * 1_000 for name, cpu in _cpu(meters).items()}
    disturbed = max(waited(pid) - start for pid, start in zip(pids, stood, strict=True)) / elapsed
    return spent | {"load_core": (process_time() - own) / elapsed, "waited": disturbed}


def _cpu(meters: dict[str, Meter]) -> Sample:
    return {name: meter.cpu() for name, meter in meters.items()}


def _crossed(name: str, streams: list[Stream], delays: array[float]) -> Sample:
    sent, lost = sum(stream.sent for stream in streams), sum(stream.lost for stream in streams)
    if not sent:
        return {}
    sample = {f"{name}_sent": float(sent), f"{name}_lost": lost / sent}
    return sample | ({f"{name}_p50_ms": quantile(delays, 0.5), f"{name}_p99_ms": quantile(delays, 0.99)} if delays else {})


@asynccontextmanager
async def exchange(target: CallTarget, provider: Provider) -> AsyncIterator[Exchange]:
    """An exchange whose calls talk while its block runs, and that is empty afterwards."""
    calls = Exchange(target, provider)
    beats = [asyncio.create_task(beat(calls.voices, 1 / PER_SECOND)), asyncio.create_task(beat(calls.sayings, 1 / talk.PER_SECOND))]
    try:
        yield calls
    finally:
        for task in beats:
            task.cancel()
        results = await asyncio.gather(*beats, return_exceptions=True)
        await calls.empty()
    for result in results:
        if isinstance(result, Exception):
            raise result
