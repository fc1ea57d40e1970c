"""A filled data folder with a proxy that serves it, and questions to its control port."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from pathlib import Path
from time import perf_counter
from typing import Final

import psutil

from bench.calls.ask import ask
from bench.load import Refused
from bench.pages import call
from bench.pages.fill import fill
from bench.peers import ROOT
from bench.peers import Target
from bench.peers import announced
from bench.process import running
from bench.run import Run
from bench.settings import KEY
from bench.settings import voicetap_rules

READS: Final = "web.readingprocess"
_SINCE_CALL: Final = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Stage:
    """`messages` are those that are kept of the call of an hour."""

    target: Target
    control: int
    token: str
    data: Path
    messages: int

    async def load(self, path: str) -> float:
        """Loads a page; how many seconds that took, from the connect to its last byte. Raises Refused."""
        began = perf_counter()
        reply = await ask(self.control, "GET", path, {"Authorization": f"Bearer {self.token}"})
        took = perf_counter() - began
        if reply.status != 200:
            raise Refused(f"{path}: {reply.status} {reply.body[:200]}")
        return took

    def readers(self) -> list[psutil.Process]:
        """The processes that read the log for pages."""
        children = psutil.Process(self.target.pid).children()
        return [child for child in children if READS in child.cmdline()]


@asynccontextmanager
async def staged(run: Run) -> AsyncIterator[Stage]:
    """The log is written first, then the proxy started. No page was asked for yet."""
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as home:
        rules, data = Path(home) / "rules.yaml", Path(home) / "data"
        rules.write_text(voicetap_rules(run.upstream.port))
        began, now = perf_counter(), datetime.now(UTC)
        await asyncio.to_thread(fill, data, run.scale.records, now)
        messages = await asyncio.to_thread(call.record, data, now - _SINCE_CALL)
        run.say(f"  the log was written in {perf_counter() - began:.0f} s")
        command = (sys.executable, "-m", "cli", "start", "--rules", str(rules), "--data", str(data))
        async with running(command, Path(home) / "log", {"PYTHONPATH": str(ROOT)}) as process:
            gateway, control, token = await announced(process, Path(home) / "log")
            _unpinned(process.pid)
            target = Target(gateway, process.pid, headers={"Authorization": f"Bearer {KEY}"})
            yield Stage(target, control, token, data, messages)


def _unpinned(pid: int) -> None:
    """Let the proxy, and what it starts, run on any core, as it does where nobody measures it."""
    if sys.platform == "linux":
        psutil.Process(pid).cpu_affinity([])
