"""Bursts of frames of one size in one direction, one session: the sizes of audio in practice."""

from __future__ import annotations

from typing import Final

from bench import events
from bench.load import Session
from bench.peers import Target
from bench.run import Row
from bench.run import Run
from bench.run import Sample
from bench.talk import costed
from bench.talk import repeated
from bench.talk import sessions
from bench.wire import client_frame

SIZES: Final = (2_048, 4_096, 8_192)
_COUNT: Final = 1_000
_BATCH: Final = 25


async def _down(session: Session, size: int) -> int:
    await session.ask(client_frame(events.response_create(_COUNT, size, transcript=False)), _COUNT + 2)
    return _COUNT + 3


async def _up(session: Session, size: int) -> int:
    batch = client_frame(events.append(size)) * _BATCH
    for _ in range(_COUNT // _BATCH):
        await session.write(batch)
    await session.ask(client_frame(events.commit()), 1)
    return _COUNT + 2


async def _burst(target: Target, direction: str, size: int, seconds: float) -> Sample:
    step = {"down": _down, "up": _up}[direction]
    async with sessions(target, 1) as opened:
        (session,) = opened.values()
        await step(session, size)
        sample = await costed(target, repeated(lambda: step(session, size), seconds))
    return {f"{direction}_{size}_{name}": sample[name] for name in ("us_per_frame", "frames_per_s") if name in sample}


async def measure(run: Run) -> list[Row]:
    """Rows with `down_2048_us_per_frame`, `up_8192_frames_per_s` and so on."""
    seconds = run.scale.seconds / 2

    async def every(target: Target) -> Sample:
        figures: Sample = {}
        for direction in ("down", "up"):
            for size in SIZES:
                figures |= await _burst(target, direction, size, seconds)
        return figures

    return await run.interleaved(every)
