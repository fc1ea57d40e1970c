"""What several of these modules have behind their proxy."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from simulator import Simulator


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def simulator() -> AsyncIterator[Simulator]:
    """A provider that answers at once, for the module; one that wants another has its own."""
    async with Simulator(pace=0) as running:
        yield running
