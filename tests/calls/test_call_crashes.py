"""The proxy stops, or it or its media worker is killed in the middle of calls: callers are told, records are complete, no process stays."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from contextlib import asynccontextmanager

import psutil
import pytest
import pytest_asyncio
from phone import Phone
from reloading import reload
from switchboard import RULES
from switchboard import Switchboard
from switchboard import code_of
from switchboard import switchboard
from waiting import eventually

from store.reader import LogReader

pytestmark = pytest.mark.asyncio(loop_scope="module")

ON = "webrtc: {bind: 127.0.0.1, grace: 1s, setups: 1000/s}"
OFF = "webrtc: {workers: 0}"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def own(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Switchboard]:
    """A proxy that these tests may kill; it starts without a media worker."""
    async with switchboard(tmp_path_factory.mktemp("crashes"), RULES.replace(ON, OFF)) as board:
        yield board


@asynccontextmanager
async def called(board: Switchboard, name: str, calls: int = 1) -> AsyncIterator[list[Phone]]:
    """So many phones, each in a call of its own in which there was one turn."""
    if OFF in (rules := board.proxy.rules.read_text()):
        await reload(board.proxy, rules.replace(OFF, ON))
    async with AsyncExitStack() as stack:
        phones = [(await stack.enter_async_context(board.call(name=f"{name} {number}")))[0] for number in range(calls)]
        for phone in phones:
            phone.ask("Tell me a story.", output_modalities=["text"])
            await phone.until("response.done")
        yield phones


def worker_of(board: Switchboard) -> psutil.Process:
    found = board.worker()
    assert found is not None
    return found


def sockets(board: Switchboard) -> list[str]:
    return [file.name for file in (board.proxy.data / "sidecar").glob("*")]


def errors(phone: Phone) -> list[str]:
    return [event["error"]["message"] for event in phone.of("error")]


async def test_calls_are_off_until_a_reload(own: Switchboard):
    phone = Phone()
    answer = await own.offer(await phone.offer(), name="off")
    await phone.close()
    assert (answer.status_code, code_of(answer)) == (501, "webrtc_off")
    assert own.sessions("off") == []
    assert own.worker() is None
    async with called(own, "on") as (phone,):
        assert phone.connected


async def test_the_media_worker_is_killed(own: Switchboard):
    async with called(own, "lost", 2) as phones:
        first, restarts = worker_of(own), await own.metric("voicetap_sidecar_restarts_total")
        first.kill()
        for number in range(len(phones)):
            record = await own.record(f"lost {number}")
            assert record.close == (1011, "the media worker was lost", "proxy")
            assert [turn["status"] for turn in record.turns] == ["completed"]
        async with called(own, "again"):
            assert worker_of(own).pid != first.pid
    assert (await own.record("again 0")).close == (1000, "hung up", "client")
    assert await own.metric("voicetap_sidecar_restarts_total") == restarts + 1
    await eventually(own.idle)
    assert sockets(own) == ["0.sock"]


async def test_a_media_worker_that_hangs_is_replaced(own: Switchboard):
    async with called(own, "stuck"):
        worker_of(own).suspend()
        record = await own.record("stuck 0")
        assert record.close == (1011, "the media worker gave no sign of life for 6 s and was killed", "proxy")
        async with called(own, "next") as (phone,):
            assert phone.connected


async def test_the_proxy_is_killed_and_the_next_one_is_told_to_stop(own: Switchboard):
    """Its worker finds out by itself, and what was left open is complete at the next start."""
    async with called(own, "killed") as (phone,):
        worker, session = worker_of(own), own.sessions("killed 0")[0]["id"]
        await eventually(lambda: LogReader(own.proxy.data).turns(session))
        os.kill(own.proxy.process.pid, signal.SIGKILL)
        await phone.over()
        await eventually(lambda: not worker.is_running())
        await asyncio.wait_for(own.proxy.process.wait(), 20)
        assert own.sessions("killed 0")[0]["ended_at"] is None
    async with switchboard(own.proxy.data.parent) as board:
        record = await board.record("killed 0")
        assert record.close == (1006, "proxy stopped without closing the session", "proxy")
        assert [turn["status"] for turn in record.turns] == ["completed"]
        assert record.session["usage"]["total_tokens"] == record.turns[0]["usage"]["total_tokens"] > 0
        async with called(board, "stopped", 2) as phones:
            assert sockets(board) == ["0.sock"]
            await told_to_stop(board, phones)


async def told_to_stop(board: Switchboard, phones: list[Phone]) -> None:
    """Callers hear why, the provider is hung up, records are complete, and neither worker nor socket stays."""
    worker, upstreams = worker_of(board), list(board.simulator.calls)
    assert await board.proxy.stop() == 0
    for number, phone in enumerate(phones):
        await phone.over()
        assert errors(phone) == ["the proxy is shutting down"]
        record = await board.record(f"stopped {number}")
        assert record.close == (1001, "the proxy is shutting down", "proxy")
        assert ([turn["status"] for turn in record.turns], record.session["media"] is not None) == (["completed"], True)
    for upstream in upstreams:
        await eventually(upstream.ended.is_set)
    assert not worker.is_running()
    assert sockets(board) == []
