"""Calls that last: do delays drift, does memory grow, does every call live until it is hung up, while others come and go?"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from statistics import median
from time import perf_counter
from typing import Final

from bench.calls.exchange import Exchange
from bench.calls.exchange import exchange
from bench.calls.leg import Lost
from bench.calls.peers import start
from bench.calls.provider import Provider
from bench.calls.provider import providing
from bench.calls.rows import medians
from bench.load import Refused
from bench.process import Meter
from bench.run import Row
from bench.run import Run
from bench.run import Sample

PEER: Final = "voicetap"
CALLS: Final = 20
WINDOW: Final = 10.0
"""Seconds over which a sample is taken."""

EVERY: Final = 5.0
"""Seconds between two of the callers that come and go."""

_STAY: Final = 2.0
_MB: Final = 1_000_000


@dataclass(slots=True)
class Passing:
    """Callers that come, talk for a moment and hang up."""

    passed: int = 0
    failed: list[str] = field(default_factory=list)

    async def go_on(self, others: Exchange) -> None:
        while True:
            await asyncio.sleep(EVERY - _STAY)
            try:
                call = await others.open()
                await asyncio.sleep(_STAY)
                if not call.alive:
                    self.failed.append("lost while it talked")
                await others.hang_up(call)
                self.passed += 1
            except (Refused, Lost, OSError) as error:
                self.failed.append(str(error) or type(error).__name__)


def _held(meters: Mapping[str, Meter]) -> Sample:
    whole = meters["whole"]
    rss = {"rss_mb": whole.rss() / _MB, "media_rss_mb": meters["media"].rss() / _MB}
    return {**rss, "files": float(whole.files()), "threads": float(whole.threads())}


async def _watched(calls: Exchange, seconds: float, run: Run) -> list[Sample]:
    """A sample for each window until the time is over."""
    samples, began, meters = [], perf_counter(), calls.target.meters()
    while (at := perf_counter() - began) < seconds:
        sample = {"at": at, **await calls.measure(min(WINDOW, seconds / 6)), **_held(meters)}
        samples.append(sample)
        run.say("  " + ", ".join(f"{name} {value:,.4g}" for name, value in sample.items()))
    return samples


def summary(samples: Sequence[Sample], passing: Passing) -> Row:
    """First third against last third; growth from the end of the first third on, when everything has been used once."""
    third = max(1, len(samples) // 3)
    first, last = medians(samples[:third]), medians(samples[-third:])
    sent = sum(sample["audio_sent"] for sample in samples)
    thirds = (("first", first), ("last", last))
    drift = {f"audio_{share}_{when}_ms": part[f"audio_{share}_ms"] for share in ("p50", "p99") for when, part in thirds}
    names = {"growth_mb": "rss_mb", "media_growth_mb": "media_rss_mb", "files_more": "files", "threads_more": "threads"}
    more = {name: last[figure] - first[figure] for name, figure in names.items()}
    return {
        "minutes": (samples[-1]["at"] + WINDOW) / 60,
        "calls": samples[-1]["calls"],
        "passed": passing.passed,
        "failures": len(passing.failed) + samples[-1]["dead"],
        "audio_lost": sum(sample["audio_lost"] * sample["audio_sent"] for sample in samples) / sent,
        "whole_ms": median(sample["whole_ms"] for sample in samples),
        "refused": samples[-1]["refused"],
        **drift,
        **more,
    }


async def _soaked(run: Run, provider: Provider) -> Row:
    passing = Passing()
    async with start(PEER, provider.port) as target, exchange(target, provider) as calls, exchange(target, provider) as others:
        await calls.grow(CALLS)
        coming = asyncio.create_task(passing.go_on(others))
        try:
            samples = await _watched(calls, run.scale.soak, run)
        finally:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)
    return {"peer": PEER, **summary(samples, passing), "reasons": passing.failed[:20], "samples": samples}


async def measure(run: Run) -> list[Row]:
    async with providing(strict=True) as provider:
        try:
            row = await _soaked(run, provider)
        except (Refused, Lost) as error:
            row = {"peer": PEER, "error": str(error)}
    return [row]
