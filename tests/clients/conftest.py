"""Fixtures of the tests with real clients: one stage for all of them, and the log as it grows in each."""

from __future__ import annotations

from collections.abc import AsyncIterator
from collections.abc import Iterator

import nodepackages
import pytest
import pytest_asyncio
from stage import Log
from stage import Stage
from stage import built

from store.reader import LogReader


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with built(tmp_path_factory.mktemp("clients")) as made:
        yield made


@pytest.fixture
def log(stage: Stage) -> Iterator[Log]:
    """What a test records; an SDK's own traffic gives no hint."""
    before = len(stage.recorded())
    yield Log(stage, before)
    made = {one.session["id"] for one in stage.recorded()[before:]}
    hints = LogReader(stage.proxy.data).findings(kind="hint", limit=None)
    assert [(one["detail"], one["event_type"]) for one in hints if one["session"] in made] == []


@pytest.fixture(scope="session")
def node_packages() -> None:
    nodepackages.installed()
