"""Fixtures of the tests with WebRTC calls: one stage for each file, and a browser with a page that shows its faults."""

from __future__ import annotations

from collections.abc import AsyncIterator

import nodepackages
import pytest
import pytest_asyncio
from browsing import browser as browser
from browsing import complaints as complaints
from browsing import page as page
from callstage import Stage
from callstage import built


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with built(tmp_path_factory.mktemp("calls")) as made:
        yield made


@pytest.fixture(scope="session")
def agents_bundle() -> None:
    nodepackages.installed()
