"""The proxy's side: workers that are started late, watched, restarted with patience, and whose calls are told."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
from collections.abc import AsyncIterator
from collections.abc import Collection
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sidecarstage import SECONDS
from sidecarstage import Gateway
from sidecarstage import Peer
from sidecarstage import offered
from sidecarstage import running_gateway
from waiting import eventually

from addons.sidecar import LONGEST_SOCKET_PATH
from addons.sidecar import Sidecar
from addons.sidecar import SidecarError
from addons.sidecar import WorkerConfig

pytestmark = pytest.mark.usefixtures("loopback")


class Proxy:
    """A sidecar, and what it told."""

    def __init__(self, folder: Path, gateway: Gateway, **config: Any) -> None:
        settings: dict[str, Any] = {"workers": 1, "gateway": gateway.address, "data": folder, "bind": "127.0.0.1"} | config
        self.config = WorkerConfig(**settings)
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.lost: list[tuple[set[str], str]] = []
        self._more = asyncio.Event()
        self.sidecar = Sidecar(lambda: self.config, self._event, self._lose)
        self.peers: list[Peer] = []

    def _event(self, call: str, event: dict[str, Any]) -> None:
        self.events.append((call, event))
        self._more.set()

    def _lose(self, calls: Collection[str], reason: str) -> None:
        self.lost.append((set(calls), reason))
        self._more.set()

    async def until_lost(self) -> tuple[set[str], str]:
        async with asyncio.timeout(SECONDS):
            while not self.lost:
                self._more.clear()
                await self._more.wait()
        return self.lost[-1]

    async def offer(self, call: str) -> str:
        peer = Peer()
        self.peers.append(peer)
        return await self.sidecar.offer(offered(call, await peer.offer()))

    def states(self, call: str) -> list[str]:
        return [event["state"] for about, event in self.events if about == call and event["event"] == "state"]

    @property
    def pids(self) -> list[int]:
        return [worker["pid"] for worker in self.sidecar.health()]


@asynccontextmanager
async def running(folder: Path, **config: Any) -> AsyncIterator[Proxy]:
    async with running_gateway() as gateway:
        proxy = Proxy(folder, gateway, **config)
        try:
            yield proxy
        finally:
            await proxy.sidecar.stop()
            for peer in proxy.peers:
                await peer.close()


async def refusal(proxy: Proxy, call: str) -> SidecarError:
    with pytest.raises(SidecarError) as refused:
        await proxy.offer(call)
    return refused.value


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_nothing_runs_before_the_first_call_and_nothing_after_the_end(tmp_path: Path) -> None:
    tasks = asyncio.all_tasks()
    async with running_gateway() as gateway:
        proxy = Proxy(tmp_path, gateway)
        assert proxy.sidecar.health() == []
        offer = await proxy.offer("call_a")
        assert "m=audio" in offer
        [worker] = proxy.sidecar.health()
        assert (worker["state"], worker["calls"], worker["restarts"], worker["failure"]) == ("serving", 1, 0, None)
        assert stat.S_IMODE((tmp_path / "sidecar").stat().st_mode) == 0o700
        host, port = proxy.sidecar.events_address("call_a")
        assert host == "127.0.0.1"
        await proxy.sidecar.stop()
        assert proxy.states("call_a") == ["closed"]
        assert proxy.lost == []
        assert not alive(worker["pid"])
        assert list((tmp_path / "sidecar").iterdir()) == []
        with pytest.raises(OSError):
            await asyncio.open_connection(host, port)
        assert (await refusal(proxy, "call_b")).code == "shutting_down"
        for peer in proxy.peers:
            await peer.close()
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == tasks


async def test_a_killed_worker_takes_its_calls_along_and_is_replaced(tmp_path: Path) -> None:
    async with running(tmp_path) as proxy:
        await proxy.offer("call_a")
        await proxy.offer("call_b")
        [pid] = proxy.pids
        os.kill(pid, signal.SIGKILL)
        assert await proxy.until_lost() == ({"call_a", "call_b"}, "the media worker was ended by SIGKILL")
        with pytest.raises(SidecarError) as ended:
            await proxy.sidecar.answer("call_a", "v=0")
        assert (ended.value.status, ended.value.code) == (502, "unknown_call")
        with pytest.raises(SidecarError):
            proxy.sidecar.events_address("call_a")
        await proxy.sidecar.drop("call_a", "no harm")
        await proxy.offer("call_c")
        [worker] = proxy.sidecar.health()
        assert (worker["restarts"], worker["calls"]) == (1, 1)
        assert worker["pid"] != pid
        assert len(proxy.lost) == 1


async def test_a_worker_that_hangs_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("addons.workerslot.POLL_SECONDS", 0.2)
    async with running(tmp_path) as proxy:
        await proxy.offer("call_a")
        [pid] = proxy.pids
        os.kill(pid, signal.SIGSTOP)
        calls, reason = await proxy.until_lost()
        assert calls == {"call_a"}
        assert reason == "the media worker gave no sign of life for 0.6 s and was killed"
        await eventually(lambda: not alive(pid))


async def test_one_that_cannot_start_is_tried_less_and_less_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("addons.workerslot.FIRST_WAIT", 0.01)
    monkeypatch.setattr("addons.workerslot.LONGEST_WAIT", 0.04)
    async with running(tmp_path, stun="what is this") as proxy:
        refused = await refusal(proxy, "call_a")
        assert (refused.status, refused.code, refused.retry_after) == (503, "sidecar_unavailable", 1)
        assert "stun" in refused.message
        await eventually(lambda: proxy.sidecar.health()[0]["restarts"] >= 4)
        assert proxy.lost == []
    told = [str(record.args[1]) for record in caplog.records if isinstance(record.args, tuple) and "the next one starts" in record.msg]
    assert told[:4] == ["0.01", "0.02", "0.04", "0.04"]


async def test_calls_go_to_the_worker_with_the_fewest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    async with running(tmp_path, workers=8, calls=2) as proxy:
        await proxy.offer("call_0")
        await eventually(lambda: all(slot.serves for slot in proxy.sidecar._slots))
        for number in range(1, 4):
            await proxy.offer(f"call_{number}")
        assert [worker["calls"] for worker in proxy.sidecar.health()] == [2, 2]
        refused = await refusal(proxy, "call_4")
        assert (refused.status, refused.code, refused.retry_after) == (503, "too_many_calls", 1)
        assert (await refusal(proxy, "call_0")).status == 409
        assert [worker["calls"] for worker in proxy.sidecar.health()] == [2, 2]


async def test_a_call_end_to_end_and_its_events(tmp_path: Path) -> None:
    async with running_gateway() as gateway:
        proxy = Proxy(tmp_path, gateway)
        browser, provider = Peer(), Peer()
        proxy.peers += [browser, provider]
        mirrored = await proxy.sidecar.offer(offered("call_a", await browser.offer()))
        gateway.events = proxy.sidecar.events_address("call_a")
        await browser.accept(await proxy.sidecar.answer("call_a", await provider.answer(mirrored)))
        await browser.say("hello")
        assert await provider.hear() == "hello"
        await proxy.sidecar.drop("call_a", "enough")
        await asyncio.wait_for(browser.ended.wait(), SECONDS)
        async with asyncio.timeout(SECONDS):
            while "closed" not in proxy.states("call_a"):
                proxy._more.clear()
                await proxy._more.wait()
        assert proxy.states("call_a") == ["answered", "connected", "closed"]
        assert proxy.events[-1][1]["reason"] == "enough"
        assert proxy.events[-2][1]["event"] == "media"
        assert proxy.sidecar.health()[0]["calls"] == 0
        await proxy.sidecar.stop()
        for peer in proxy.peers:
            await peer.close()


async def test_a_refused_offer_is_forgotten(tmp_path: Path) -> None:
    async with running(tmp_path) as proxy:
        with pytest.raises(SidecarError) as refused:
            await proxy.sidecar.offer(offered("call_a", "v=0\r\n"))
        assert refused.value.status == 400
        assert proxy.sidecar.health()[0]["calls"] == 0
        await proxy.offer("call_a")
        with pytest.raises(SidecarError) as useless:
            await proxy.sidecar.answer("call_a", "v=0\r\n")
        assert (useless.value.status, useless.value.code) == (502, "bad_answer")


async def test_a_folder_with_a_long_name(tmp_path: Path) -> None:
    data = tmp_path / ("x" * LONGEST_SOCKET_PATH)
    async with running(data) as proxy:
        await proxy.offer("call_a")
        folder = proxy.sidecar._folder
        assert folder is not None
        assert folder.parent != data
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert not folder.exists()


async def test_no_place_for_sockets(tmp_path: Path) -> None:
    (tmp_path / "sidecar").symlink_to(tmp_path)
    async with running(tmp_path) as proxy:
        refused = await refusal(proxy, "call_a")
        assert (refused.status, refused.code) == (503, "sidecar_unavailable")
        assert "no place for its sockets" in refused.message


async def test_webrtc_that_is_off(tmp_path: Path) -> None:
    async with running(tmp_path, workers=0) as proxy:
        refused = await refusal(proxy, "call_a")
        assert (refused.status, refused.code) == (501, "webrtc_off")
        assert os.listdir(tmp_path) == []
