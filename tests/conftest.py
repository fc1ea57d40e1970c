"""Fixtures for every test that needs a real proxy."""

from __future__ import annotations

from collections.abc import AsyncIterator
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck
from hypothesis import settings
from proxying import RULES
from proxying import Proxy
from proxying import StartProxy
from proxying import started_proxy

settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")
"""How long an example takes says something about the machine, and nothing about the code."""


@pytest.fixture
async def start_proxy(tmp_path: Path) -> AsyncIterator[StartProxy]:
    """Starts proxies with given rules, and ends those that still run."""
    async with AsyncExitStack() as running:

        async def start(extra: str = "", *, rules: str = RULES, env: Mapping[str, str] | None = None, words: tuple[str, ...] = ()) -> Proxy:
            return await running.enter_async_context(started_proxy(tmp_path, rules + extra, env=env, words=words))

        yield start
