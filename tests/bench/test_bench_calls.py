"""Calls of the load against its own provider and through the relay that transcodes: what is said is what is counted."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import AsyncIterator

import pytest

from bench.calls import sdp
from bench.calls import talk
from bench.calls.ask import ask
from bench.calls.call import Call
from bench.calls.ending import kills
from bench.calls.exchange import exchange
from bench.calls.leg import Leg
from bench.calls.peers import start
from bench.calls.provider import Provider
from bench.calls.provider import providing
from bench.calls.setups import placed
from bench.calls.target import CallTarget
from bench.load import Refused


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    async with providing() as found:
        yield found


def crossed(call: Call) -> list[tuple[int, int]]:
    return [(stream.sent, stream.received) for stream in call.audio]


async def test_audio_and_events_cross_whole_in_both_directions(provider: Provider) -> None:
    async with exchange(CallTarget(provider.port), provider) as calls:
        await calls.grow(2)
        sample = await calls.measure(0.5)
    assert sample["calls"] == 2
    assert sample["dead"] == sample["refused"] == sample["audio_lost"] == sample["event_lost"] == 0
    assert sample["audio_sent"] > 50
    assert 0 < sample["audio_p50_ms"] <= sample["audio_p99_ms"]
    assert sample["event_sent"] > 5
    assert "whole_ms" not in sample
    assert not provider.live
    assert provider.failed == []


async def test_what_is_lost_on_the_way_is_counted(provider: Provider) -> None:
    call = await Call.open(CallTarget(provider.port), provider)
    call.begin(array("d"), array("d"))
    up, _ = call.voices()
    hears, came = call.provider.connection.tap, asyncio.Queue[bytes]()
    call.provider.connection.tap = came.put_nowait
    up()
    up()
    async with asyncio.timeout(5):
        await came.get()
        hears(await came.get())
    assert crossed(call) == [(2, 1), (0, 0)]
    await call.close()


async def test_a_call_knows_when_either_side_is_gone(provider: Provider) -> None:
    call = await Call.open(CallTarget(provider.port), provider)
    assert call.alive
    assert 0 < call.setup["answer"] < call.setup["connected"] < call.setup["channel"] <= call.setup["event"]
    await call.provider.stop()
    async with asyncio.timeout(5):
        await call.caller.over.wait()
    assert not call.alive
    await call.close()
    assert await provider.emptied()


async def test_hanging_up_reaches_the_provider(provider: Provider) -> None:
    took = await placed(CallTarget(provider.port), provider)
    assert took["gone"] > 0


async def test_a_refused_offer_says_what_was_answered(provider: Provider) -> None:
    with pytest.raises(Refused, match="200"):
        await Call.open(CallTarget(provider.port, path="/elsewhere"), provider)


async def test_a_relay_that_transcodes_delivers_sound_and_events(provider: Provider) -> None:
    async with start("aiortc", provider.port) as target, exchange(target, provider) as calls:
        await calls.grow(1)
        sample = await calls.measure(2.0)
    assert sample["whole_ms"] > 0
    assert sample["audio_p50_ms"] > 0
    assert sample["event_lost"] == 0


async def test_a_call_through_the_worker_alone(provider: Provider) -> None:
    async with start("worker", provider.port) as target, exchange(target, provider) as calls:
        await calls.grow(2)
        sample = await calls.measure(0.5)
    assert sample["audio_lost"] == sample["event_lost"] == sample["dead"] == 0
    assert sample["whole_ms"] > 0


async def test_a_call_through_voicetap_is_measured_and_ended(provider: Provider) -> None:
    async with start("voicetap", provider.port) as target, exchange(target, provider) as calls:
        await calls.grow(1)
        sample = await calls.measure(0.5)
        await calls.empty()
        assert target.control
        ended = await kills(calls, target.control, 1)
    assert sample["audio_lost"] == sample["event_lost"] == sample["dead"] == 0
    assert 0 < sample["media_ms"] < sample["whole_ms"]
    assert ended["kill_max_ms"] > 0


async def test_the_provider_answers_what_is_not_an_offer(provider: Provider) -> None:
    reply = await ask(provider.port, "POST", "/v1/realtime/calls/rtc_1/hangup", {})
    assert (reply.status, reply.body) == (200, "")


async def test_a_description_reads_as_it_was_written() -> None:
    leg = Leg(offering=True)
    offer = await leg.describe("actpass")
    remote = sdp.read(offer)
    assert (remote.opus, remote.mids, remote.sctp_port) == (sdp.OPUS, ("0", "1"), sdp.SCTP_PORT)
    assert [candidate.ip for candidate in remote.transport.candidates] == ["127.0.0.1"]
    answer = sdp.read(await (other := Leg(offering=False)).describe("active", remote))
    assert (answer.opus, answer.mids) == (remote.opus, remote.mids)
    await leg.stop()
    await other.stop()


def test_a_description_without_audio_is_refused() -> None:
    with pytest.raises(ValueError, match="no audio section"):
        sdp.read("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n")


def test_a_turn_has_a_question_and_an_answer_and_every_event_its_number() -> None:
    turn = talk.turn()
    assert len(turn) == talk.TURN
    assert [line.up for line in turn[:3]] == [True, True, False]
    assert '"type":"response.done"' in turn[-1].rest
    texts = [talk.numbered(index, line.rest, "resp_x") for index, line in enumerate(turn)]
    assert [talk.number(text) for text in texts] == list(range(talk.TURN))
    assert talk.number('{"type":"error","event_id":"event_1"}') is None
    assert talk.response() != talk.response()


async def test_a_strict_provider_says_that_it_is_lite_and_connects() -> None:
    async with providing(strict=True) as strict:
        call = await Call.open(CallTarget(strict.port), strict)
        assert call.alive
        await call.close()
