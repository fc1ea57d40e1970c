"""One run of the suite: how long and how often to measure, who takes part, and rounds that interleave the peers."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from collections.abc import Awaitable
from collections.abc import Callable
from contextlib import AsyncExitStack
from contextlib import asynccontextmanager
from dataclasses import dataclass
from dataclasses import field
from statistics import median
from typing import Any
from typing import Final

from bench.load import Refused
from bench.load import Stuck
from bench.peers import Absent
from bench.peers import Target
from bench.peers import start
from bench.upstream import Server

Sample = dict[str, float]
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Scale:
    """Times in seconds."""

    rounds: int
    seconds: float
    """One measurement of one peer."""
    pace: float
    """One measurement at a real-time pace."""
    frames: int
    """Over which memory is watched, except for peers that keep every frame."""
    idle: int
    """Live sessions held open at once."""
    records: int
    """In the log."""
    stride: int
    """Of the ladder of paced sessions every so-manieth rung is used."""
    calls: tuple[int, ...]
    """WebRTC calls at once."""
    recoded: tuple[int, ...]
    """The same for a relay that transcodes."""
    placed: int
    """Calls placed one after the other."""
    soak: float
    """How long calls are kept up."""


QUICK: Final = Scale(
    rounds=1,
    seconds=0.8,
    pace=2.0,
    frames=50_000,
    idle=50,
    records=20_000,
    stride=3,
    calls=(1, 25, 100),
    recoded=(1, 3),
    placed=15,
    soak=60.0,
)
FULL: Final = Scale(
    rounds=3,
    seconds=2.0,
    pace=5.0,
    frames=1_000_000,
    idle=200,
    records=100_000,
    stride=1,
    calls=(1, 10, 25, 50, 100),
    recoded=(1, 3, 6),
    placed=100,
    soak=1_800.0,
)


@dataclass(slots=True)
class Run:
    """What the parts need: the upstream, the scale and the peers; `skipped` collects who could not take part and why."""

    upstream: Server
    scale: Scale
    peers: tuple[str, ...]
    call_peers: tuple[str, ...] = ()
    skipped: dict[str, str] = field(default_factory=dict)

    def say(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    def _skip(self, peer: str, reason: str, detail: str = "") -> None:
        self.skipped[peer] = reason
        self.say(f"  {peer}: skipped: {reason} {detail}")

    @asynccontextmanager
    async def one(self, peer: str) -> AsyncIterator[Target | None]:
        """A fresh process of this peer, or None when it cannot run."""
        async with AsyncExitStack() as stack:
            yield await self._enter(stack, peer)

    @asynccontextmanager
    async def all(self) -> AsyncIterator[dict[str, Target]]:
        """Every peer that can run, at once: those that wait cost nothing while one is measured."""
        async with AsyncExitStack() as stack:
            started = {peer: await self._enter(stack, peer) for peer in self.peers}
            yield {peer: target for peer, target in started.items() if target}

    async def _enter(self, stack: AsyncExitStack, peer: str) -> Target | None:
        if peer in self.skipped:
            return None
        try:
            return await stack.enter_async_context(start(peer, self.upstream.port))
        except Absent as error:
            self._skip(peer, str(error))
        except RuntimeError as error:
            self._skip(peer, "it did not start", str(error))
        return None

    async def interleaved(self, measure: Callable[[Target], Awaitable[Sample]]) -> list[Row]:
        """Rounds over all peers; a row per peer with the median of each figure, or with the error that ended it."""
        samples: dict[str, list[Sample]] = defaultdict(list)
        errors: dict[str, str] = {}
        async with self.all() as targets:
            for _ in range(self.scale.rounds):
                for peer, target in targets.items():
                    if peer in errors:
                        continue
                    try:
                        samples[peer].append(await measure(target))
                    except (Refused, Stuck, OSError) as error:
                        errors[peer] = str(error) or type(error).__name__
                    await self.upstream.emptied()
        return [self._row(peer, samples[peer], errors.get(peer)) for peer in targets]

    def _row(self, peer: str, samples: list[Sample], error: str | None) -> Row:
        figures = {} if error else {name: median(sample[name] for sample in samples) for name in samples[0]}
        row = {"peer": peer, **figures, **({"error": error} if error else {})}
        shown = (f"{name} {value:,.3g}" if isinstance(value, float) else f"{value}" for name, value in list(row.items())[1:])
        self.say(f"  {peer}: " + ", ".join(shown))
        return row
