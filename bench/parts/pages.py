"""How long the control port takes over pages of a log of months, what they cost the sessions that run, and when they tell what happens."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from statistics import median
from time import perf_counter
from typing import Any
from typing import Final
from urllib.parse import quote

from bench.clock import quantile
from bench.load import Refused
from bench.pages.call import NAME
from bench.pages.fill import LONGEST
from bench.pages.records import KEYS
from bench.pages.records import RARE
from bench.pages.stage import Stage
from bench.pages.stage import staged
from bench.pages.watching import told
from bench.parts.latency import measured
from bench.peers import ROOT
from bench.run import Row
from bench.run import Run
from bench.run import Sample

PEER: Final = "voicetap"
PATHS: Final[dict[str, tuple[str, ...]]] = {
    "first": ("/",),
    "call": tuple(f"{below}/sessions/{NAME}{part}" for below, part in (("", ""), ("", "/timeline.json"), ("/api", "/peaks.json"))),
    "messages": (f"/sessions/{NAME}/messages.json",),
    "longest": (f"/sessions/{LONGEST}",),
    "timeline": (f"/sessions/{LONGEST}/timeline.json",),
    "twin": (f"/sessions/{LONGEST}.json",),
    "turns": (f"/sessions/{LONGEST}/turns?offset=500&limit=200",),
    "far": ("/?offset={far}",),
    "filter": (f"/?q={quote(f'key={KEYS[3]} status=ended')}",),
    "search": (f"/?q={RARE}",),
    "usage": ("/usage?since=30d",),
    "findings": ("/findings",),
    "rules": ("/rules.json",),
    "top": ("/api/top",),
    "export": (f"/api/sessions/{LONGEST}/records.jsonl",),
}
"""What is loaded, one address after the other; the parts of a page as its scripts ask for them."""

COMMANDS: Final[dict[str, tuple[str, ...]]] = {"sessions": ("sessions", "--json"), "tail": ("tail",), "top once": ("top", "--once")}
_TIMES: Final = 3
"""How often each is done in a round, after the first time."""
_TOLD: Final = 8
_MB: Final = 1e6


async def _pages(stage: Stage, run: Run) -> list[Row]:
    """`first_ms` in a process that had not read what it needs, then `p50_ms` and `max_ms`. The very first page starts that process."""
    rows = []
    for about, paths in PATHS.items():
        addresses = [path.format(far=run.scale.records // 12) for path in paths]
        took = [await _loaded(stage, addresses) for _ in range(1 + _TIMES * run.scale.rounds)]
        rows.append(_row(run, about, first_ms=took[0] * 1e3, p50_ms=median(took[1:]) * 1e3, max_ms=max(took[1:]) * 1e3))
    return rows


async def _loaded(stage: Stage, addresses: list[str]) -> float:
    return sum([await stage.load(address) for address in addresses])


async def _commands(stage: Stage, run: Run) -> list[Row]:
    """`p50_ms` and `max_ms` of whole commands, the start of Python included."""
    rows = []
    for about, words in COMMANDS.items():
        took = [await _ran(stage, words) for _ in range(run.scale.rounds)]
        rows.append(_row(run, about, p50_ms=median(took) * 1e3, max_ms=max(took) * 1e3))
    return rows


async def _ran(stage: Stage, words: tuple[str, ...]) -> float:
    began = perf_counter()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "cli", *words, "--data", str(stage.data)), cwd=ROOT, stdout=asyncio.subprocess.DEVNULL
    )
    if await process.wait():
        raise Refused(f"{words[0]} failed")
    return perf_counter() - began


async def _told(stage: Stage, run: Run) -> list[Row]:
    """Until a page is told: `p50_ms` and `max_ms`."""
    found = await told(stage, _TOLD * run.scale.rounds)
    return [
        _row(run, about, p50_ms=quantile(took, 0.5), max_ms=max(took) * 1e3) for about, took in zip(("opened", "ended"), found, strict=True)
    ]


async def _beside(stage: Stage, run: Run) -> list[Row]:
    """A session's round trips without and with pages of the longest session that are loaded one after the other, in turns."""
    samples: dict[str, list[Sample]] = {"quiet": [], "loading": [], "loading all": []}
    page = (*PATHS["longest"], *PATHS["timeline"])
    for _ in range(run.scale.rounds):
        samples["quiet"].append(await _trips(stage, run))
        for about, paths in (("loading", page), ("loading all", PATHS["twin"])):
            async with _loading(stage, paths) as counted:
                sample = await _trips(stage, run)
            samples[about].append({**sample, "pages": float(counted[0])})
    return [_row(run, about, **{name: median(sample[name] for sample in found) for name in found[0]}) for about, found in samples.items()]


async def _trips(stage: Stage, run: Run) -> Sample:
    loop = await measured(stage.target, "loop", run.scale.seconds)
    pace = await measured(stage.target, "pace", run.scale.pace)
    return {name: value for name, value in (loop | pace).items() if name.endswith("_ms")}


@asynccontextmanager
async def _loading(stage: Stage, paths: tuple[str, ...]) -> AsyncIterator[list[int]]:
    """Pages are loaded by a process of its own while the block runs; after it the list says how many."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "bench.pages.loader", str(stage.control), stage.token, *paths),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    counted: list[int] = []
    await asyncio.sleep(0.5)
    yield counted
    said, _ = await process.communicate()
    if process.returncode:
        raise Refused("pages could not be loaded")
    counted.append(int(said))


def _memory(stage: Stage, run: Run) -> Row:
    """`mb` is the largest of the processes that read, `readers` how many there are."""
    found = [process.memory_info().rss for process in stage.readers()]
    return _row(run, "memory", readers=float(len(found)), mb=max(found, default=0) / _MB)


def _row(run: Run, about: str, **figures: Any) -> Row:
    row = {"peer": PEER, "about": about, **figures}
    run.say("  " + about + ": " + ", ".join(f"{name} {value:,.1f}" for name, value in figures.items()))
    return row


async def measure(run: Run) -> list[Row]:
    """Rows by what was done, as `bench.columns.PAGES` names it, over a log of the scale's turns; one session has a tenth besides."""
    if PEER not in run.peers:
        return []
    async with staged(run) as stage:
        rows = [_row(run, "log", turns=float(run.scale.records), messages=float(stage.messages)), *(await _pages(stage, run))]
        rows += [_memory(stage, run), *(await _told(stage, run)), *(await _beside(stage, run)), *(await _commands(stage, run))]
    return rows
