"""Waits for what happens in other tasks and processes, and has no event of its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from collections.abc import Callable
from typing import Any
from typing import Final

PATIENCE: Final = 25.0
"""Seconds after which what does not happen fails the test."""

_PAUSE: Final = 0.02


async def eventually(condition: Callable[[], Any] | Callable[[], Awaitable[Any]], seconds: float = PATIENCE) -> Any:
    """What the condition gives as soon as that is true. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while True:
            found = condition()
            found = await found if isinstance(found, Awaitable) else found
            if found:
                return found
            await asyncio.sleep(_PAUSE)


def soon(condition: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """As `eventually`, where there is no event loop."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not so in {seconds:.0f} s")
        time.sleep(_PAUSE)
    return found
