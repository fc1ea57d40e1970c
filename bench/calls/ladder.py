"""More and more calls at once: what a call costs and how late its audio and events are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from bench.calls import talk
from bench.calls.exchange import Exchange
from bench.calls.exchange import exchange
from bench.calls.leg import Lost
from bench.calls.peers import start
from bench.calls.provider import Provider
from bench.calls.rows import BASE
from bench.calls.rows import rungs
from bench.load import Refused
from bench.run import Row
from bench.run import Run
from bench.run import Sample

QUIET_RUNGS: Final = (3, 25)
"""At so many calls audio is also measured alone, without events."""


def _counts(run: Run, peer: str) -> tuple[int, ...]:
    if peer == BASE:
        return tuple(sorted({*run.scale.calls, *run.scale.recoded}))
    return run.scale.recoded if peer == "aiortc" else run.scale.calls


async def _rung(calls: Exchange, seconds: float, *, talkative: bool) -> Sample:
    calls.talkative = talkative
    return {**await calls.measure(seconds), "events_per_s": float(talk.PER_SECOND if talkative else 0)}


async def _climb(run: Run, peer: str, provider: Provider) -> AsyncIterator[Sample]:
    async with start(peer, provider.port) as target, exchange(target, provider) as calls:
        for number in _counts(run, peer):
            await calls.grow(number)
            yield await _rung(calls, run.scale.pace, talkative=True)
            if number in QUIET_RUNGS:
                yield await _rung(calls, run.scale.pace, talkative=False)
                calls.talkative = True


async def measure(run: Run, provider: Provider) -> list[Row]:
    """Rows with `whole_ms` and `media_ms` of CPU a call-second, delays and loss; one with `error` for a peer that could not go on."""
    samples: list[tuple[str, Sample]] = []
    errors: dict[str, str] = {}
    for _ in range(run.scale.rounds):
        for peer in (peer for peer in run.call_peers if peer not in errors):
            try:
                async for sample in _climb(run, peer, provider):
                    samples.append((peer, sample))
                    run.say(f"  {peer}: " + ", ".join(f"{name} {value:,.4g}" for name, value in sample.items()))
            except (Refused, Lost, OSError, RuntimeError) as error:
                errors[peer] = str(error) or type(error).__name__
                run.say(f"  {peer}: {errors[peer]}")
    return rungs(samples) + [{"about": "load", "peer": peer, "error": error} for peer, error in errors.items()]
