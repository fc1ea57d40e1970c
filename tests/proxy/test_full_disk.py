"""A log that cannot be written: `on_error` decides whether sessions go on, the operator is told, and nothing that waits is lost."""

from __future__ import annotations

import asyncio
import json
import resource
from collections.abc import AsyncIterator
from collections.abc import Iterator
from contextlib import AsyncExitStack
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
import pytest_asyncio
from proxying import RULES
from proxying import Proxy
from proxying import started_proxy
from rawsocket import dialled
from rawsocket import handshake
from recorded import named
from recorded import shown
from reloading import reloaded
from reloading import said
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from simulator import Simulator

pytestmark = pytest.mark.asyncio(loop_scope="module")

SIM = "/v1/realtime?model=sim/gpt-realtime"


@dataclass
class Stage:
    proxy: Proxy


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with AsyncExitStack() as stack:
        simulator = await stack.enter_async_context(Simulator(pace=0))
        rules = f'{RULES}on_error: block\nproviders:\n  sim: {{kind: simulator, url: "http://{simulator.address}"}}\n'
        yield Stage(await stack.enter_async_context(started_proxy(tmp_path_factory.mktemp("disk"), rules)))


@contextmanager
def full_disk(proxy: Proxy) -> Iterator[None]:
    """No file of the proxy may grow while the block lasts."""
    pid, (soft, hard) = proxy.process.pid, resource.prlimit(proxy.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, hard))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))


async def one_turn(client: ClientConnection) -> None:
    await client.send('{"type":"response.create"}')
    while b'"response.done"' not in await asyncio.wait_for(client.recv(decode=False), 20):
        pass


async def status_of_a_new_session(proxy: Proxy) -> tuple[int, str]:
    async with dialled(proxy.gateway) as client:
        await client.write(handshake(SIM))
        await client.read_head()
        if client.status == 101:
            return 101, ""
        assert client.headers["retry-after"] == "5"
        return client.status, json.loads(await client.read_body())["error"]["code"]


async def writable_again(proxy: Proxy, after: int) -> None:
    await said(proxy, "the log can be written again; nothing that waited is lost", after)


async def test_block_ends_sessions_and_lets_none_in_until_the_log_can_be_written(stage: Stage) -> None:
    proxy, before = stage.proxy, len(stage.proxy.output)
    async with proxy.connect(SIM, headers=named("blocked")) as client:
        await one_turn(client)
        with full_disk(proxy):
            await one_turn(client)
            with pytest.raises(ConnectionClosed) as closed:
                while True:
                    event = json.loads(await asyncio.wait_for(client.recv(), 20))
            assert closed.value.rcvd is not None
            assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1011, "the log cannot be written")
            assert (event["type"], event["error"]["message"]) == ("error", "the log cannot be written")
            line = await said(proxy, "ERROR the log cannot be written: ", before)
            assert "the file may not grow further; raise the file size limit of the process" in line
            assert await status_of_a_new_session(proxy) == (503, "log_unavailable")
        await writable_again(proxy, before)
    assert (await status_of_a_new_session(proxy))[0] == 101
    found = await shown(proxy.data, "blocked")
    assert found.close == (1011, "the log cannot be written", "proxy")
    assert [turn["status"] for turn in found.turns] == ["completed", "completed"]
    assert found.session["turns"] == 2


async def test_pass_goes_on_and_writes_everything_later(stage: Stage) -> None:
    async with reloaded(stage.proxy, "on_error: block", "on_error: pass"):
        proxy, before = stage.proxy, len(stage.proxy.output)
        async with proxy.connect(SIM, headers=named("before")) as client:
            await one_turn(client)
            with full_disk(proxy):
                await one_turn(client)
                await said(proxy, "ERROR the log cannot be written: ", before)
                async with proxy.connect(SIM, headers=named("during")) as another:
                    await one_turn(another)
                assert (await status_of_a_new_session(proxy))[0] == 101
                await one_turn(client)
            await writable_again(proxy, before)
        found = await shown(proxy.data, "before")
        assert (found.close[0], len(found.turns)) == (1000, 3)
        found = await shown(proxy.data, "during")
        assert (found.close[0], len(found.turns)) == (1000, 1)
        assert not [line for line in proxy.output if "Traceback" in line]


async def test_a_refusal_upstream_while_nothing_can_be_written_is_recorded_later(stage: Stage) -> None:
    async with reloaded(stage.proxy, "on_error: block", "on_error: pass"):
        before = len(stage.proxy.output)
        with full_disk(stage.proxy):
            async with dialled(stage.proxy.gateway) as client:
                await client.write(handshake(f"{SIM}-sim-refuse-500", headers=named("refused")))
                await client.read_head()
                assert client.status == 502
            await said(stage.proxy, "ERROR the log cannot be written: ", before)
        await writable_again(stage.proxy, before)
        assert (await shown(stage.proxy.data, "refused")).session["error"]["status"] == 502
