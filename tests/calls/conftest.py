"""Fixtures of the tests with calls: one switchboard for each process of the test run, and a count of what a file of tests left in it."""

from __future__ import annotations

from asyncio import gather
from collections.abc import AsyncIterator
from collections.abc import Iterator

import aioice.ice
import pytest
import pytest_asyncio
from aiortc import RTCSctpTransport
from aiortc.rtcsctptransport import RTCSctpCapabilities
from switchboard import Switchboard
from switchboard import switchboard
from waiting import eventually

from web.reading import PROCESSES


@pytest.fixture(scope="session", autouse=True)
def browserlike() -> Iterator[None]:
    """Peers of this process use loopback alone, and take messages as long as a browser does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(aioice.ice, "get_host_addresses", lambda **_: ["127.0.0.1"])
        patch.setattr(RTCSctpTransport, "getCapabilities", lambda _: RTCSctpCapabilities(maxMessageSize=262_144))
        yield


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def board(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Switchboard]:
    async with switchboard(tmp_path_factory.mktemp("calls")) as made:
        async with made.call(name="first") as (phone, _):
            phone.ask("Hello there.")
            await phone.until("response.done")
        await made.record("first")
        await gather(*(made.control("GET", "/api/sessions") for _ in range(PROCESSES)))  # those that read the log are started
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def nothing_left(board: Switchboard) -> AsyncIterator[None]:
    """A file of tests leaves no session, call, socket, descriptor or task behind, and no fault of the program in its log."""

    async def settled() -> bool:
        return (await board.count()) <= before

    await board.looked_at()
    await eventually(board.idle)
    before = await board.count()
    yield
    await board.looked_at()
    try:
        await eventually(settled)
    except TimeoutError:
        assert await board.count() == before
    assert [line for line in board.proxy.output if "Traceback" in line or " ERROR " in line] == []
