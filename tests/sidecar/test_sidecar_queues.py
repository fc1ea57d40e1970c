"""What waits: messages in one direction, and news for those who listen."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from sidecarstage import SECONDS

from sidecar.news import MOST_WAITING
from sidecar.news import Listener
from sidecar.news import News
from sidecar.outbox import Message
from sidecar.outbox import Outbox
from sidecar.outbox import Overflow
from sidecar.pace import Pace


class Receiver:
    """Keeps what it gets, one at a time when told to."""

    def __init__(self) -> None:
        self.got: list[Message] = []
        self.ready = asyncio.Event()

    async def take(self, message: Message) -> None:
        await self.ready.wait()
        self.got.append(message)


async def test_messages_go_out_in_order_and_once() -> None:
    outbox, receiver = Outbox("them"), Receiver()
    sent: list[Message] = ["1", b"2", ""]
    for message in sent:
        outbox.put(message)
    running = asyncio.create_task(outbox.run(receiver.take))
    receiver.ready.set()
    await asyncio.wait_for(outbox.empty(), SECONDS)
    outbox.put("later")
    await asyncio.wait_for(outbox.empty(), SECONDS)
    assert receiver.got == [*sent, "later"]
    assert (outbox.sent, outbox.sent_bytes, outbox.most_waiting) == (4, 7, 3)
    running.cancel()


@pytest.mark.parametrize(("first", "over"), [(["x"] * 1000, "x"), (["\u00fc" * (512 << 10)], "x"), ([], "x" * ((1 << 20) + 1))])
async def test_one_too_many(first: list[str], over: str) -> None:
    outbox = Outbox("the browser")
    for message in first:
        outbox.put(message)
    with pytest.raises(Overflow, match=rf"{len(first) + 1} messages of \d+ bytes wait for the browser"):
        outbox.put(over)


async def test_there_is_room_again_below_the_half() -> None:
    outbox, receiver = Outbox("them"), Receiver()
    for _ in range(501):
        outbox.put("x")
    running = asyncio.create_task(outbox.run(receiver.take))
    room = asyncio.create_task(outbox.room())
    await asyncio.sleep(0)
    assert not room.done()
    receiver.ready.set()
    await asyncio.wait_for(room, SECONDS)
    running.cancel()


def test_bursts_pass_and_the_rest_in_its_time() -> None:
    pace = Pace(200, 1.0)
    assert [pace.wait(50.0) for _ in range(1000)] == [0.0] * 1000, "what may pass in five seconds"
    assert [round(pace.wait(50.0), 6) for _ in range(3)] == [0.005, 0.01, 0.015]
    assert round(pace.wait(50.015), 6) == 0.005
    assert [pace.wait(60.0) for _ in range(1000)] == [0.0] * 1000
    slow = Pace(10, 60.0)
    assert [slow.wait(7.0) for _ in range(10)] == [0.0] * 10
    assert round(slow.wait(7.0), 6) == 6.0


async def test_what_nobody_takes_any_more_is_counted() -> None:
    outbox = Outbox("them")
    outbox.put("1")
    outbox.discard()
    outbox.put("2")
    await asyncio.wait_for(outbox.empty(), SECONDS)
    assert (outbox.sent, outbox.dropped) == (0, 2)


def media(call: str, packets: int) -> dict[str, Any]:
    return {"call": call, "event": "media", "media": packets}


def state(call: str, name: str) -> dict[str, Any]:
    return {"call": call, "event": "state", "state": name}


async def heard(listener: Listener) -> list[dict[str, Any]]:
    lines = b"".join([part async for part in listener.lines()]).splitlines()
    return [json.loads(line) for line in lines]


async def test_figures_that_are_old_are_not_told_and_states_all_are() -> None:
    news = News()
    listener = news.listen()
    told = [state("a", "connected"), media("a", 1), media("b", 1), media("a", 2), state("a", "closed")]
    for event in told:
        news.tell(event)
    news.end()
    assert await heard(listener) == [{"event": "hello"}, told[0], media("a", 2), media("b", 1), told[4]]
    assert await heard(news.listen()) == [{"event": "hello"}], "there is no more news"


async def test_a_listener_that_never_listens_is_let_go() -> None:
    news = News()
    listener = news.listen()
    for number in range(MOST_WAITING + 5):
        news.tell(state(str(number), "closed"))
    assert len(await heard(listener)) == MOST_WAITING + 2
