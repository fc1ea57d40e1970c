"""What every test of the media process may ask for."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from typing import Any

import aioice.ice
import pytest


def open_sockets() -> int:
    """Sockets of this process."""
    kept = 0
    for name in os.listdir("/proc/self/fd"):
        try:
            kept += os.readlink(f"/proc/self/fd/{name}").startswith("socket:")
        except FileNotFoundError:
            continue
    return kept


def other_tasks() -> set[asyncio.Task[Any]]:
    """Tasks of this event loop but the one that asks."""
    return {task for task in asyncio.all_tasks() if task is not asyncio.current_task()}


@pytest.fixture
async def nothing_left() -> AsyncIterator[None]:
    """Fails a test after which sockets or tasks of its event loop remain."""
    tasks, sockets = other_tasks(), open_sockets()
    yield
    for _ in range(200):
        if other_tasks() <= tasks and open_sockets() <= sockets:
            return
        await asyncio.sleep(0.02)
    assert other_tasks() - tasks == set()
    assert open_sockets() == sockets


@pytest.fixture
def loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes peers of aiortc itself use 127.0.0.1 alone."""
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda **_: ["127.0.0.1"])
