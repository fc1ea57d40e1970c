"""What can lie between a caller and the provider: nothing, a relay that transcodes, or voicetap."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import AsyncIterator
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from bench.calls.target import CallTarget
from bench.calls.target import Control
from bench.calls.worker import worker
from bench.peers import ROOT
from bench.peers import announced
from bench.process import Meter
from bench.process import free_port
from bench.process import listening
from bench.process import running
from bench.settings import voicetap_rules

CallPeer = Callable[[int, Path], AbstractAsyncContextManager[CallTarget]]
"""Takes the provider's port and an empty directory of its own."""


@asynccontextmanager
async def direct(provider: int, _: Path) -> AsyncIterator[CallTarget]:
    yield CallTarget(provider)


@asynccontextmanager
async def aiortc_relay(provider: int, home: Path) -> AsyncIterator[CallTarget]:
    port, script = free_port(), Path(__file__).with_name("relay_aiortc.py")
    async with running((sys.executable, script, str(port), f"http://127.0.0.1:{provider}"), home / "log") as process:
        await listening(port, process, home / "log")
        yield CallTarget(port, process.pid, recodes=True)


@asynccontextmanager
async def voicetap(provider: int, home: Path) -> AsyncIterator[CallTarget]:
    """The proxy with its media worker, all addons on, every event inspected and recorded."""
    rules = home / "rules.yaml"
    rules.write_text(voicetap_rules(provider))
    command = (sys.executable, "-m", "cli", "start", "--rules", str(rules), "--data", str(home / "data"))
    async with running(command, home / "log", {"PYTHONPATH": str(ROOT)}) as process:
        gateway, control, token = await announced(process, home / "log")
        door = Control(control, token, lambda: _replace(rules, voicetap_rules(provider, revoked=True)))
        yield CallTarget(gateway, process.pid, media=lambda: Meter(process.pid).child("sidecar"), control=door)


def _replace(path: Path, text: str) -> None:
    part = path.with_suffix(".part")
    part.write_text(text)
    os.replace(part, path)


CALL_PEERS: Final[dict[str, CallPeer]] = {"direct": direct, "aiortc": aiortc_relay, "worker": worker, "voicetap": voicetap}


@asynccontextmanager
async def start(peer: str, provider: int) -> AsyncIterator[CallTarget]:
    """One peer in a directory of its own that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as home:
        async with CALL_PEERS[peer](provider, Path(home)) as target:
            yield target
