"""Calls through a real worker: sound and events both ways, every way to end, and nothing left behind."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from http import HTTPStatus
from pathlib import Path

import pytest
from sidecarstage import SECONDS
from sidecarstage import Peer
from sidecarstage import Room
from sidecarstage import dial
from sidecarstage import offered
from sidecarstage import running_room
from websockets.exceptions import InvalidStatus

from addons.sidecar import Recording

pytestmark = pytest.mark.usefixtures("loopback")
MOST = 1000
LONGEST = 262_144


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    async with running_room(tmp_path, setup_seconds=4.0, silence_seconds=1.0, grace_seconds=1.0) as made:
        yield made


async def gone(*peers: Peer) -> None:
    """Each of these noticed that its connection is over."""
    async with asyncio.timeout(SECONDS):
        for peer in peers:
            await peer.ended.wait()


def files_of(room: Room) -> int:
    """Sockets and other files that the worker has open."""
    return len(os.listdir(f"/proc/{room.worker.pid}/fd"))


async def test_a_call_from_offer_to_hang_up(room: Room) -> None:
    browser, provider = await room.call("call_a")
    await browser.say('{"type":"session.update"}')
    assert await provider.hear() == '{"type":"session.update"}'
    await provider.say("gr\u00fc\u00df dich \U0001f44b")
    assert await browser.hear() == "gr\u00fc\u00df dich \U0001f44b"
    await browser.say(b"\x00\xff")
    assert await provider.hear() == b"\x00\xff"
    await room.until("call_a", "media")
    await browser.close()
    closed = await room.until("call_a", "closed")
    await gone(provider)
    assert closed["reason"] == "hung up"
    assert room.states("call_a") == ["answered", "connected", "closed"]
    assert room.gateway.passed == [
        ("client", '{"type":"session.update"}'),
        ("provider", "gr\u00fc\u00df dich \U0001f44b"),
        ("client", b"\x00\xff"),
    ]
    assert room.gateway.client is not None
    assert (room.gateway.client.close_code, room.gateway.client.close_reason) == (1000, "hung up")
    assert room.told["call_a"][-2]["event"] == "media"
    media = room.told["call_a"][-2]["media"]
    assert media["client"]["packets"] > 0
    assert media["upstream"]["packets"] > 0
    assert all(media["setup"][leg][step] > 0 for leg in ("client", "upstream") for step in ("ice_ms", "dtls_ms", "channel_ms"))


async def test_nothing_is_left_of_calls(room: Room) -> None:
    """Sockets and tasks of the worker, counted before and after, whatever way the calls ended."""
    tasks, files = (await room.worker.client.metrics(SECONDS))["tasks"], files_of(room)
    for number in range(3):
        browser, provider = await room.call(f"call_{number}")
        await browser.say("1")
        await provider.hear()
        match number:
            case 0:
                await browser.close()
            case 1:
                await provider.close()
            case 2:
                await room.worker.client.drop("call_2", "enough")
        await room.until(f"call_{number}", "closed")
    metrics = await room.worker.client.metrics(SECONDS)
    assert metrics["calls"] == {}
    assert metrics["calls_ended"] == {"client_graceful": 1, "upstream_graceful": 1, "worker_graceful": 1}
    assert metrics["tasks"] == tasks
    assert files_of(room) == files


async def test_the_provider_hangs_up_after_its_last_words(room: Room) -> None:
    browser, provider = await room.call("call_a")
    await browser.say("hello")
    await provider.hear()
    for number in range(20):
        await provider.say(f"last words {number}")
    await room.gateway.crossed("provider", "last words 0")
    await provider.close()
    closed = await room.until("call_a", "closed")
    assert closed["reason"] == "the provider hung up"
    assert room.gateway.upstream is not None
    assert (room.gateway.upstream.close_code, room.gateway.upstream.close_reason) == (1000, "the provider hung up")
    crossed = [message for who, message in room.gateway.passed if who == "provider"]
    assert [await browser.hear() for _ in crossed] == crossed
    await gone(browser)


async def test_the_proxy_ends_a_call_and_its_error_event_arrives(room: Room) -> None:
    browser, provider = await room.call("call_a")
    await browser.say("hello")
    await provider.hear()
    assert room.gateway.client is not None
    await room.gateway.client.send('{"type":"error"}')
    await room.gateway.client.close(1008, "the budget is spent")
    assert await browser.hear() == '{"type":"error"}'
    assert (await room.until("call_a", "closed"))["reason"] == "the budget is spent"
    await gone(browser, provider)
    await gone(browser, provider)


async def test_a_call_that_the_proxy_refuses_before_it_is_connected(room: Room) -> None:
    room.gateway.greeting = '{"type":"error"}', 1008, "the key was revoked"
    browser, provider = await room.call("call_a")
    assert await browser.hear() == '{"type":"error"}'
    assert (await room.until("call_a", "closed"))["reason"] == "the key was revoked"
    await gone(browser, provider)


@pytest.mark.parametrize("who", ["client", "provider"])
async def test_a_side_that_does_not_stop(tmp_path: Path, who: str) -> None:
    """As much as may pass does, as much as may wait does, and one more message ends the call."""
    async with running_room(tmp_path, events=(4, 3600.0)) as room:
        browser, provider = await room.call("call_a")
        talks, hears = (browser, provider) if who == "client" else (provider, browser)
        for number in range(4):
            await talks.say(str(number))
        assert [await hears.hear() for _ in range(4)] == ["0", "1", "2", "3"]
        for number in range(4, 4 + MOST + 1):
            await talks.say(str(number))
        reason = f"the {who} sends more than 4 events in 3600 s, and 1000 of them wait"
        assert (await room.until("call_a", "closed"))["reason"] == reason
        await gone(browser, provider)
        assert [message for side, message in room.gateway.passed if side == who] == ["0", "1", "2", "3"]


async def test_a_call_is_dropped_with_a_reason(room: Room) -> None:
    browser, provider = await room.call("call_a")
    await browser.say("hello")
    await provider.hear()
    await room.worker.client.drop("call_a", "hung up by the app")
    assert (await room.until("call_a", "closed"))["reason"] == "hung up by the app"
    assert room.gateway.client is not None
    assert (room.gateway.client.close_code, room.gateway.client.close_reason) == (1000, "hung up by the app")
    await gone(browser, provider)
    assert room.states("call_a").count("closed") == 1


async def test_messages_wait_for_the_session_and_keep_their_order(room: Room) -> None:
    room.gateway.hold = asyncio.Event()
    browser, provider = await room.call("call_a")
    said = [f"message {number}" for number in range(MOST)]
    for message in said:
        await browser.say(message)
    await room.until("call_a", "connected")
    room.gateway.hold.set()
    assert [await provider.hear() for _ in said] == said


async def test_one_message_too_many_ends_the_call(room: Room) -> None:
    room.gateway.hold = asyncio.Event()
    browser, provider = await room.call("call_a")
    for number in range(MOST + 1):
        await browser.say(str(number))
    closed = await room.until("call_a", "closed")
    assert closed["reason"].startswith(f"{MOST + 1} messages of ")
    room.gateway.hold.set()
    await gone(browser, provider)


async def test_too_many_bytes_for_a_browser_without_a_channel(room: Room) -> None:
    browser, _ = await room.call("call_a", label=None)
    await room.until("call_a", "connected")
    await asyncio.wait_for(room.gateway.joined.wait(), SECONDS)
    assert room.gateway.client is not None
    for _ in range(5):
        await room.gateway.client.send("x" * 250_000)
    closed = await room.until("call_a", "closed")
    assert closed["reason"].startswith("5 messages of 1250000 bytes wait for the client's data channel")
    assert (room.gateway.client.close_code, room.gateway.client.close_reason) == (1001, closed["reason"])
    await gone(browser)


async def test_a_message_longer_than_the_browser_takes(room: Room) -> None:
    browser, provider = await room.call("call_a")
    await browser.say("hello")
    await provider.hear()
    assert room.gateway.client is not None
    await room.gateway.client.send("x" * (LONGEST + 1))
    closed = await room.until("call_a", "closed")
    assert closed["reason"].startswith("to the client: ")
    assert str(LONGEST) in closed["reason"], closed
    await gone(browser, provider)


async def test_a_long_message_passes_both_ways(room: Room) -> None:
    browser, provider = await room.call("call_a")
    message = "y" * LONGEST
    await browser.say(message)
    assert await provider.hear() == message
    await provider.say(message)
    assert await browser.hear() == message


async def test_a_second_channel_is_refused_and_the_call_goes_on(room: Room) -> None:
    browser, provider = await room.call("call_a")
    await browser.say("hello")
    await provider.hear()
    second = browser.connection.createDataChannel("another")
    refused = asyncio.Event()
    second.on("close", refused.set)
    await asyncio.wait_for(refused.wait(), SECONDS)
    await browser.say("still here")
    assert await provider.hear() == "still here"
    metrics = await room.worker.client.metrics(SECONDS)
    assert metrics["refused_channels"] == 1
    assert metrics["calls"] == {"connected": 1}


async def test_a_provider_that_closes_its_channel_closes_the_browsers(room: Room) -> None:
    browser, provider = await room.call("call_a")
    await browser.say("hello")
    await provider.hear()
    assert provider.channel is not None
    provider.channel.close()
    await asyncio.wait_for(browser.closed.wait(), SECONDS)
    assert (await room.worker.client.metrics(SECONDS))["calls"] == {"connected": 1}


async def test_a_browser_that_closes_its_channel_keeps_the_call(room: Room) -> None:
    browser, provider = await room.call("call_a")
    await browser.say("hello")
    await provider.hear()
    assert browser.channel is not None
    browser.channel.close()
    await asyncio.wait_for(browser.closed.wait(), SECONDS)
    await provider.say("into the record alone")
    await room.gateway.crossed("provider", "into the record alone")
    assert room.states("call_a")[-1] == "connected"


async def test_a_call_without_a_data_channel_has_its_session(room: Room) -> None:
    browser, provider = await room.call("call_a", label=None)
    await room.until("call_a", "connected")
    await asyncio.wait_for(room.gateway.joined.wait(), SECONDS)
    await browser.close()
    assert (await room.until("call_a", "closed"))["reason"] == "hung up"
    await gone(provider)


async def test_a_gateway_that_refuses_the_session(room: Room) -> None:
    room.gateway.refuse = HTTPStatus.FORBIDDEN
    browser, provider = await room.call("call_a")
    assert (await room.until("call_a", "closed"))["reason"] == "the proxy refused the events session with 403"
    await gone(browser, provider)


async def test_a_gateway_that_cannot_be_reached(room: Room) -> None:
    await room.gateway.stop()
    await room.call("call_a")
    assert (await room.until("call_a", "closed"))["reason"].startswith("the proxy cannot be reached for the events session")


@pytest.mark.parametrize(("call", "ticket"), [("call_a", "guess"), ("call_b", "t-upstream"), ("", "t-upstream")])
async def test_a_stranger_on_the_events_server(room: Room, call: str, ticket: str) -> None:
    await room.call("call_a")
    with pytest.raises(InvalidStatus) as refused:
        await dial(room.worker.events, call, ticket)
    assert refused.value.response.status_code == 401


async def test_a_ticket_is_good_once(room: Room) -> None:
    await room.call("call_a")
    await asyncio.wait_for(room.gateway.joined.wait(), SECONDS)
    with pytest.raises(InvalidStatus):
        await dial(room.worker.events, "call_a", "t-upstream")
    assert room.states("call_a")[-1] != "closed"


async def test_an_offer_that_never_connects(room: Room) -> None:
    """The browser disappears right after its offer."""
    browser, provider = room.peer(), room.peer()
    offer = await browser.offer()
    await browser.close()
    mirrored = await room.worker.client.offer(offered("call_a", offer))
    await room.worker.client.answer("call_a", await provider.answer(mirrored))
    closed = await room.until("call_a", "closed")
    assert closed["reason"] == "client: ICE did not connect within 4 s"
    assert room.gateway.client is not None
    assert (room.gateway.client.close_code, room.gateway.client.close_reason) == (1001, closed["reason"])
    await gone(provider)


@pytest.mark.parametrize(("side", "code"), [("client", 1001), ("provider", 1011)])
async def test_a_side_that_falls_silent(room: Room, side: str, code: int) -> None:
    browser, provider = await room.call("call_a")
    await room.until("call_a", "connected")
    await asyncio.wait_for(room.gateway.joined.wait(), SECONDS)
    (browser if side == "client" else provider).vanish()
    assert (await room.until("call_a", "disconnected"))["reason"] == f"nothing from the {side} for 1 s"
    closed = await room.until("call_a", "closed")
    assert closed["reason"] == f"nothing from the {side} for 2 s"
    socket = room.gateway.client if side == "client" else room.gateway.upstream
    assert socket is not None
    assert (socket.close_code, socket.close_reason) == (code, closed["reason"])


async def test_sound_is_recorded(room: Room, tmp_path: Path) -> None:
    browser, provider = room.peer(), room.peer()
    (tmp_path / "sound").mkdir()
    offer = offered("call_a", await browser.offer(), Recording(str(tmp_path / "sound"), 1 << 20))
    mirrored = await room.worker.client.offer(offer)
    await browser.accept(await room.worker.client.answer("call_a", await provider.answer(mirrored)))
    await room.until("call_a", "media")
    await room.worker.client.drop("call_a", "enough")
    await room.until("call_a", "closed")
    assert {path.name for path in (tmp_path / "sound").iterdir()} == {"client.ogg", "upstream.ogg", "recording.json"}
