"""Fixtures of the tests with real clients: one stage for all of them, and the log as it grows in each."""

from __future__ import annotations

from collections.abc import AsyncIterator

import nodepackages
import pytest
import pytest_asyncio
from stage import Log
from stage import Stage
from stage import built


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with built(tmp_path_factory.mktemp("clients")) as made:
        yield made


@pytest.fixture
def log(stage: Stage) -> Log:
    return Log(stage, len(stage.recorded()))


@pytest.fixture(scope="session")
def node_packages() -> None:
    nodepackages.installed()
