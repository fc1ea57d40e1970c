"""Waits for what happens in other tasks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

PAUSE = 0.01


async def until(true: Callable[[], object], seconds: float = 15) -> None:
    """Returns once it is true. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110 - what is waited for has no event of its own
            await asyncio.sleep(PAUSE)
