"""The packaged simulator as an upstream: started on loopback with the first session that wants it."""

from __future__ import annotations

import asyncio

from simulator import Simulator


class LocalSimulator:
    """Serves every provider of kind `simulator` that names no url."""

    def __init__(self) -> None:
        self._simulator: Simulator | None = None
        self._lock = asyncio.Lock()

    async def url(self) -> str:
        """Its base URL; starts it where it does not run yet."""
        async with self._lock:
            if self._simulator is None:
                self._simulator = await Simulator(record=False).__aenter__()
        return self._simulator.base_url

    async def stop(self) -> None:
        if self._simulator is not None:
            await self._simulator.__aexit__(None, None, None)
            self._simulator = None
