"""Where voicetap's CPU time goes, per frame: the realistic mix in a closed loop, and 200 sessions at a real-time pace."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from bench.parts.paced import rung
from bench.peers import voicetap_under
from bench.run import Row
from bench.run import Run
from bench.run import Sample
from bench.talk import conversation

PLACES: Final = tuple(
    (name, re.compile(pattern))
    for name, pattern in (
        ("socket reads", r"asyncio/selector_events\.py:_read"),
        ("socket writes", r"asyncio/(selector_events\.py:(write|_write|send)|transports\.py)"),
        ("waiting for sockets", r"/selectors\.py:"),
        ("framing and unmasking", r"/realtime/framing\.py:"),
        ("forwarding and verdicts", r"/realtime/tunnel\.py:"),
        ("reading heads", r"/realtime/frame\.py:"),
        ("signals", r"/realtime/dialects/|/realtime/signals\.py:"),
        ("turns", r"/realtime/(turn\w*|inputs|toolcalls|userside|clocks|recent)\.py:|/addons/turns\.py:"),
        ("meter", r"/realtime/(meter_\w+|usage|cost|ledger|prices|audio)\.py:|/addons/meter\.py:"),
        ("record", r"/addons/record\.py:|/store/"),
        ("policies, pin", r"/realtime/(pin|polic\w+|redact\w*|conditions|detectors|jsonpath|regex)\.py:|/addons/policy\.py:"),
        ("session and relay", r"/realtime/|/addons/"),
        ("mitmproxy", r"/mitmproxy/"),
        ("event loop", r"/asyncio/"),
    )
)
SESSIONS: Final = 200
_OTHER: Final = "everything else"


def place(stack: Sequence[str]) -> str:
    """The place of a stack (innermost first): that of its innermost function that has one."""
    for function in stack:
        for name, pattern in PLACES:
            if pattern.search(function):
                return name
    return _OTHER


def shares(stacks: Iterable[tuple[Sequence[str], int]]) -> dict[str, float]:
    counts: Counter[str] = Counter()
    for stack, count in stacks:
        counts[place(stack)] += count
    total = counts.total()
    return {name: count / total for name, count in counts.items()}


@contextmanager
def _sampling(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGUSR1)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGUSR2)


async def _sampled(work: Awaitable[Sample], out: Path) -> dict[str, float]:
    """CPU microseconds per frame by place, over the measured stretch of `work`."""
    sample = await work
    stacks = await asyncio.to_thread(written, out)
    return {name: share * sample["us_per_frame"] for name, share in shares(stacks).items()}


def written(out: Path) -> list[tuple[list[str], int]]:
    """What the sampler wrote when it was told to finish; takes the file away. Raises FileNotFoundError after ten seconds."""
    for _ in range(200):
        if out.exists():
            break
        time.sleep(0.05)
    stacks: list[tuple[list[str], int]] = json.loads(out.read_text())
    out.unlink()
    return stacks


async def measure(run: Run) -> list[Row]:
    """A row per place with `us_per_frame` and `paced_us_per_frame`, dearest first, and their sum."""
    if "voicetap" not in run.peers:
        return []
    with tempfile.TemporaryDirectory(prefix="bench-") as place_of_its_own:
        home = Path(place_of_its_own)
        out = home / "samples.json"
        async with voicetap_under(run.upstream.port, home, "-m", "bench.sampler", str(out)) as started:
            assert started.pid
            target = replace(started, measured=partial(_sampling, started.pid))
            mix = await _sampled(conversation(target, 2 * run.scale.pace), out)
            paced = await _sampled(rung(run, target, SESSIONS), out)
    order = sorted({*mix, *paced}, key=lambda name: -mix.get(name, 0.0))
    return [
        *(_row(name, mix.get(name, 0.0), paced.get(name, 0.0)) for name in order),
        _row("together", sum(mix.values()), sum(paced.values())),
    ]


def _row(where: str, mix: float, paced: float) -> Row:
    return {"where": where, "us_per_frame": mix, "paced_us_per_frame": paced}
