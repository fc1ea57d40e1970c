"""What can lie between a caller and the provider: nothing, a relay that transcodes, or voicetap."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import AsyncIterator
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from bench.calls.target import CallTarget
from bench.process import free_port
from bench.process import listening
from bench.process import running

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


CALL_PEERS: Final[dict[str, CallPeer]] = {"direct": direct, "aiortc": aiortc_relay}


@asynccontextmanager
async def start(peer: str, provider: int) -> AsyncIterator[CallTarget]:
    """One peer in a directory of its own that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as home:
        async with CALL_PEERS[peer](provider, Path(home)) as target:
            yield target
