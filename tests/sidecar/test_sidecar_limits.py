"""What a worker refuses to take on, and what becomes of a call that nobody answers."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import Any

import pytest
from sidecarstage import SECONDS
from sidecarstage import Peer

from sidecar.bridge import Tickets
from sidecar.call import Ask
from sidecar.calls import Calls
from sidecar.limits import Refused
from sidecar.looplag import Lag
from sidecar.looplag import lag_of
from sidecar.network import Network
from sidecar.settings import Settings

pytestmark = pytest.mark.usefixtures("loopback")


class Desk:
    """The calls of a worker in this process, and all that is told of them."""

    def __init__(self, **changed: Any) -> None:
        settings = {"calls": 2, "setup_seconds": 5.0, "silence_seconds": 6.0, "grace_seconds": 20.0}
        settings |= {"setups": (20, 1.0), "events": (200, 1.0)} | changed
        self.told: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.calls = Calls(Settings("token", "127.0.0.1:1", Network(bind="127.0.0.1"), **settings), self.told.put_nowait)

    async def offer(self, call: str, sdp: str = "") -> str:
        """The mirrored offer of a peer, or of what `sdp` says."""
        peer = Peer()
        offer = sdp or await peer.offer()
        await peer.close()
        return await self.calls.offer(Ask(call, offer, Tickets("a", "b"), "local", "local", None))

    async def refusal(self, call: str, sdp: str = "") -> tuple[int, str]:
        with pytest.raises(Refused) as refused:
            await self.offer(call, sdp)
        return refused.value.status, refused.value.code


async def test_a_full_worker() -> None:
    desk = Desk()
    await desk.offer("call_1")
    await desk.offer("call_2")
    assert await desk.refusal("call_3") == (503, "too_many_calls")
    await desk.calls.close("the test is over")


async def test_calls_that_come_too_fast() -> None:
    desk = Desk(calls=5, setups=(2, 3600.0))
    await desk.offer("call_1")
    assert await desk.refusal("call_0", sdp="hello") == (400, "bad_sdp"), "what is no call counts for nothing"
    await desk.offer("call_2")
    with pytest.raises(Refused) as refused:
        await desk.offer("call_3")
    assert (refused.value.status, refused.value.code) == (503, "too_many_setups")
    assert refused.value.message == "2 calls were set up in 3600 s, no more may be"
    await desk.calls.close("the test is over")


async def test_too_many_calls_at_the_same_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sidecar.calls.PENDING_CALLS", 1)
    desk = Desk()
    await desk.offer("call_1")
    assert await desk.refusal("call_2") == (503, "too_many_calls")
    await desk.calls.close("the test is over")


async def test_a_worker_that_is_late() -> None:
    desk = Desk()
    desk.calls.lag.now = Lag(0.06, 0.2)
    assert await desk.refusal("call_1") == (503, "busy")
    desk.calls.lag.now = Lag(0.01, 0.2)
    await desk.offer("call_1")
    await desk.calls.close("the test is over")


async def test_a_worker_that_ends() -> None:
    desk = Desk()
    await desk.offer("call_1")
    await desk.calls.close("the media worker is shutting down")
    assert (await desk.told.get())["reason"] == "the media worker is shutting down"
    assert await desk.refusal("call_2") == (503, "closing")


async def test_a_provider_that_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sidecar.call.ANSWER_SECONDS", 0.2)
    desk = Desk()
    before = asyncio.all_tasks()
    await desk.offer("call_1")
    closed = await asyncio.wait_for(desk.told.get(), SECONDS)
    assert (closed["state"], closed["reason"]) == ("closed", "the provider did not answer within 0.2 s")
    assert desk.calls.records() == []
    assert desk.told.empty()
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before


async def test_nothing_holds_on_to_a_call_that_is_over() -> None:
    """An answered one: its timers, legs and events would each keep all of it."""
    desk, provider = Desk(), Peer()
    answer = await provider.answer(await desk.offer("call_1"))
    call = weakref.ref(desk.calls.find("call_1"))
    desk.calls.answer("call_1", answer)
    await desk.calls.close("the test is over")
    await provider.close()
    gc.collect()
    assert call() is None


def test_lag_is_a_median_and_nearly_the_worst() -> None:
    assert lag_of([0.0] * 18 + [0.1, 0.2]) == Lag(0.0, 0.2)
    assert lag_of([0.3]) == Lag(0.3, 0.3)
