"""What is measured, one file each: `measure(run)` returns the rows that go into the part's JSON and its table."""

from __future__ import annotations

from collections.abc import Awaitable
from collections.abc import Callable
from typing import Final

from bench.parts import bursts
from bench.parts import frames
from bench.parts import latency
from bench.parts import log
from bench.parts import memory
from bench.parts import paced
from bench.parts import pages
from bench.parts import policies
from bench.parts import profile
from bench.parts import revocation
from bench.parts import setup
from bench.parts import slow
from bench.parts import soak
from bench.parts import webrtc
from bench.run import Row
from bench.run import Run

PARTS: Final[dict[str, Callable[[Run], Awaitable[list[Row]]]]] = {
    "frames": frames.measure,
    "bursts": bursts.measure,
    "latency": latency.measure,
    "paced": paced.measure,
    "setup": setup.measure,
    "memory": memory.measure,
    "slow": slow.measure,
    "log": log.measure,
    "pages": pages.measure,
    "policies": policies.measure,
    "revocation": revocation.measure,
    "profile": profile.measure,
    "webrtc": webrtc.measure,
    "soak": soak.measure,
}
