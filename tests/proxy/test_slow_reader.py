"""A client that stops reading: its own uplink goes on, other sessions do not notice, memory stays bounded, and in the end it is closed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from proxying import RULES
from proxying import Proxy
from proxying import started_proxy
from rawsocket import CLOSE
from rawsocket import TEXT
from rawsocket import RawSocket
from rawsocket import RawUpstream
from rawsocket import accept
from rawsocket import close
from rawsocket import echo
from rawsocket import raw_upstream
from rawsocket import upgraded
from recorded import ended
from recorded import named
from reloading import reloaded
from waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

RAW = "/v1/realtime?model=raw/"
DELTA = json.dumps({"type": "response.output_audio.delta", "event_id": "e", "delta": "A" * 8000}).encode()
FLOOD = 12_000
"""Messages, about 96 MB: far more than the sockets between provider and client can hold."""
ALLOWED = 48 << 10
"""KiB by which the proxy may grow."""


@dataclass
class Stage:
    proxy: Proxy
    raw: RawUpstream

    @property
    def memory(self) -> int:
        """Resident KiB of the proxy."""
        status = Path(f"/proc/{self.proxy.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0])


async def flood(connection: RawSocket) -> None:
    """Sends as fast as it can, and reads all the while."""
    await accept(connection)
    reading = asyncio.create_task(connection.read_close())
    try:
        for _ in range(FLOOD):
            await connection.send(TEXT, DELTA)
    finally:
        await reading


async def never_read(connection: RawSocket) -> None:
    connection.pause()
    await accept(connection)
    await asyncio.sleep(3600)


PLAYS = {"flood": flood, "echo": echo, "never-read": never_read}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with AsyncExitStack() as stack:
        raw = await stack.enter_async_context(raw_upstream(PLAYS))
        rules = f'{RULES}limits: {{message: 16MiB}}\nproviders:\n  raw: {{kind: compatible, url: "http://{raw.address}/v1"}}\n'
        yield Stage(await stack.enter_async_context(started_proxy(tmp_path_factory.mktemp("slow"), rules)), raw)


async def stalled(stage: Stage) -> None:
    """Wait until the proxy has filled every buffer on the way and takes no more from the provider."""
    provider, sizes = stage.raw.seen[-1], [-1] * 6

    def stands() -> bool:
        sizes.append(provider.unsent)
        return sizes[-1] > 0 and len({*sizes[-6:]}) == 1

    await eventually(stands)


async def test_a_client_that_stops_reading_hurts_nobody(stage: Stage) -> None:
    async with (
        upgraded(stage.proxy.gateway, f"{RAW}echo") as neighbour,
        upgraded(stage.proxy.gateway, f"{RAW}flood", headers=named("slow"), receive_buffer=4096) as client,
    ):
        before, provider = stage.memory, stage.raw.seen[-1]
        client.pause()
        await stalled(stage)
        for number in range(300):
            await client.send(TEXT, b'{"type":"input_audio_buffer.append","event_id":"up-%d"}' % number)
            await neighbour.send(TEXT, b'{"type":"x","n":%d}' % number)
            assert await neighbour.read_message() == b'{"type":"x","n":%d}' % number
        await eventually(lambda: len(provider.received) > 300 * 55)
        assert stage.memory - before < ALLOWED
        async with reloaded(stage.proxy, "message: 16MiB", "message: 16MiB, write: 1s"):
            await asyncio.wait_for(stage.raw.ended[-1].wait(), 20)
        assert provider.closed_with == (1008, "a side did not read for 1 s")
        await neighbour.send(TEXT, b"{}")
        assert await neighbour.read_message() == b"{}"
    found = await ended(stage.proxy.data, "slow")
    assert found["close"] == {"code": 1008, "reason": "a side did not read for 1 s", "side": "proxy"}
    assert found["frames"]["client"]["frames"] == 300


async def test_a_client_that_reads_on_gets_everything_in_order(stage: Stage) -> None:
    async with upgraded(stage.proxy.gateway, f"{RAW}flood", headers=named("late"), receive_buffer=4096) as client:
        before = stage.memory
        client.pause()
        await stalled(stage)
        client.resume()
        for _ in range(FLOOD):
            assert await client.read_message() == DELTA
        assert stage.memory - before < ALLOWED
        await client.send(CLOSE, close(1000))
        assert await client.read_close() == (1000, "")
    assert (await ended(stage.proxy.data, "late"))["frames"]["upstream"]["frames"] == FLOOD


async def test_a_provider_that_never_reads_holds_back_its_own_client_alone(stage: Stage) -> None:
    async with (
        upgraded(stage.proxy.gateway, f"{RAW}never-read", headers=named("unread")) as client,
        upgraded(stage.proxy.gateway, f"{RAW}echo") as neighbour,
    ):
        before = stage.memory
        pushing = asyncio.create_task(push(client))
        await asyncio.sleep(1)
        await neighbour.send(TEXT, b"{}")
        assert await neighbour.read_message() == b"{}"
        assert not pushing.done()
        assert stage.memory - before < ALLOWED
        async with reloaded(stage.proxy, "message: 16MiB", "message: 16MiB, write: 1s"):
            assert json.loads(await client.read_message())["error"]["message"] == "a side did not read for 1 s"
            assert await client.read_close() == (1008, "a side did not read for 1 s")
        pushing.cancel()
        await asyncio.gather(pushing, return_exceptions=True)
    assert (await ended(stage.proxy.data, "unread"))["close"]["code"] == 1008


async def push(client: RawSocket) -> None:
    for _ in range(FLOOD):
        await client.send(TEXT, DELTA)
