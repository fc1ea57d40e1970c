"""Every misbehaviour of a call as a stock peer meets it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from calling import Caller
from calling import calling
from calling import multipart
from calling import over
from calling import post
from waiting import eventually

from simulator import Script
from simulator import Simulator
from simulator.misbehaviour import TABLE

CALLS = "/v1/realtime/calls"
SDP = {"Content-Type": "application/sdp"}
STORY = "Tell me a story"


def unjudged(event: dict[str, Any]) -> None:
    """It may be anything."""


def path(name: str) -> str:
    return f"{CALLS}?model=gpt-realtime&sim={name}"


@pytest.fixture
async def sim() -> AsyncIterator[Simulator]:
    async with Simulator(pace=0) as running:
        yield running


@pytest.mark.parametrize(
    ("name", "status"), [("refuse-401", 401), ("refuse-403", 403), ("refuse-429", 429), ("refuse-500", 500), ("echo-401", 401)]
)
async def test_refusals(sim: Simulator, name: str, status: int):
    caller = Caller()
    response = await post(sim, path(name), await caller.offer(), SDP, "sk-canary")
    assert (response.status_code, response.headers.get("Retry-After")) == (status, "7" if status == 429 else None)
    assert ("sk-canary" in response.json()["error"]["message"]) == (name == "echo-401")
    assert (sim.requests[0].status, sim.calls) == (status, [])
    await caller.close()


async def test_a_page_of_html(sim: Simulator):
    caller = Caller()
    response = await post(sim, path("html-500"), await caller.offer(), SDP)
    assert (response.status_code, response.headers["content-type"]) == (500, "text/html")
    assert response.text.startswith("<!doctype html>")
    await caller.close()


async def test_no_answer_at_all():
    caller = Caller()
    async with Simulator() as sim:
        asking = asyncio.ensure_future(post(sim, path("no-handshake"), await caller.offer(), SDP))
        await eventually(lambda: len(sim.requests) == 1)
        assert sim.requests[0].status is None
    await asyncio.wait([asking])
    assert asking.exception() is not None
    assert sim.calls == []
    await caller.close()


async def test_an_answer_that_is_none(sim: Simulator):
    caller = Caller()
    response = await post(sim, path("not-sdp"), await caller.offer(), SDP)
    assert (response.status_code, response.headers["content-type"]) == (201, "application/sdp")
    assert "v=0" not in response.text
    await over(sim.calls[0].ended)
    await caller.close()


async def test_an_answer_without_audio(sim: Simulator):
    caller = Caller()
    response = await post(sim, path("no-audio"), await caller.offer(), SDP)
    ports = [line.split()[1] for line in response.text.splitlines() if line.startswith("m=")]
    bundle = next(line for line in response.text.splitlines() if line.startswith("a=group:BUNDLE"))
    assert (ports[0], ports[1] != "0", bundle) == ("0", True, "a=group:BUNDLE 1")
    await caller.close()


async def test_the_fingerprint_of_somebody_else(sim: Simulator):
    async with calling(sim, path("wrong-fingerprint")) as caller:
        failed = asyncio.Event()
        caller.peer.on("connectionstatechange", lambda: caller.peer.connectionState in ("failed", "closed") and failed.set())
        await over(failed)
        assert caller.events == []


async def test_a_candidate_that_leads_nowhere(sim: Simulator):
    async with calling(sim, path("unreachable")) as caller:
        await over(sim.calls[0].ended)
        assert sim.calls[0].reason == "never connected"
        assert caller.peer.connectionState in ("new", "connecting")
        offered = {" ".join(line.split()[4:6]) for line in caller.peer.remoteDescription.sdp.splitlines() if line.startswith("a=candidate")}
        assert offered == {"127.0.0.1 9"}


async def test_a_channel_that_never_opens(sim: Simulator):
    async with calling(sim, path("no-channel")) as caller:
        caller.speak("Hello there can you hear me")
        await caller.hears(10)
        assert caller.channel is not None
        assert (caller.channel.readyState, sim.calls[0].label) == ("connecting", None)


async def test_a_channel_that_is_closed_in_an_answer(sim: Simulator):
    async with calling(sim, path("shut-channel")) as caller:
        await caller.until("session.created")
        caller.ask(STORY)
        await over(caller.closed)
        await caller.hears(caller.loud + 20)
        assert caller.count("response.done") == 0
        assert sim.calls[0].reason is None


async def test_a_second_channel(sim: Simulator):
    async with calling(sim, path("second-channel")) as caller:
        await caller.until("session.created")
        caller.ask(STORY)
        await caller.until("response.done")
        await eventually(lambda: len(caller.channels) == 1)
        assert [channel.label for channel in caller.channels] == ["simulated-second"]


async def test_a_message_beyond_the_limit(sim: Simulator):
    async with calling(sim, path("oversize"), check=unjudged) as caller:
        await caller.until("session.created")
        caller.ask(STORY)
        await caller.until("response.done")
        assert caller.longest > 300_000


@pytest.mark.parametrize(("name", "reason"), [("end-mid-answer", "hung up"), ("session-expired", "closed with 1001 session expired")])
async def test_a_call_that_is_hung_up(sim: Simulator, name: str, reason: str):
    async with calling(sim, path(name)) as caller:
        await caller.until("session.created")
        caller.ask(STORY)
        await over(caller.closed)
        await over(sim.calls[0].ended)
        assert sim.calls[0].reason == reason
        assert caller.count("response.done") == 0
        assert (caller.count("error") == 1) == (name == "session-expired")


async def test_a_call_that_ends_as_it_begins(sim: Simulator):
    async with calling(sim, path("hang-up")) as caller:
        await over(caller.closed)
        assert sim.calls[0].reason == "hung up"
    async with calling(sim, path("close-4001")) as caller:
        await caller.until("session.created")
        await over(caller.closed)
        assert sim.calls[1].reason == "closed with 4001 simulated close 4001"


@pytest.mark.parametrize("name", ["vanish", "drop-mid-answer"])
async def test_a_provider_that_vanishes(name: str):
    async with Simulator() as sim, calling(sim, path(name)) as caller:
        await caller.until("session.created")
        caller.ask(STORY)
        await caller.until("response.output_audio_transcript.delta", 2)
        dtls = caller.peer.getTransceivers()[0].receiver.transport
        await eventually(lambda: sim.calls[0].spoken_seconds > 1)
        before = dtls._get_stats()[dtls._stats_id].packetsReceived
        spoken = sim.calls[0].spoken_seconds
        await eventually(lambda: sim.calls[0].spoken_seconds > spoken + 0.5)
        assert dtls._get_stats()[dtls._stats_id].packetsReceived == before
        assert caller.peer.connectionState == "connected"
        assert sim.calls[0].reason is None


async def test_headers_in_the_first_event(sim: Simulator):
    async with calling(sim, path("echo-headers"), key="sk-canary") as caller:
        assert "sk-canary" in (await caller.until("error"))["error"]["message"]


@pytest.mark.parametrize("name", ["stall", "failed"])
async def test_answers_that_never_come_are_not_heard(sim: Simulator, name: str):
    async with calling(sim, path(name)) as caller:
        await caller.until("session.created")
        caller.ask(STORY)
        caller.send({"type": "session.update", "session": {"type": "realtime"}})
        await caller.until("session.updated")
        assert caller.count("response.done") == (name == "failed")
        assert sim.calls[0].spoken_seconds == 0


async def test_events_in_binary_messages(sim: Simulator):
    seen: list[str | bytes] = []
    caller = Caller(label=None)
    channel = caller.peer.createDataChannel("raw")
    done = asyncio.Event()

    def take(message: str | bytes) -> None:
        seen.append(message)
        if len(seen) == 1:
            channel.send(json.dumps({"type": "response.create"}))
        if b'"response.done"' in (message if isinstance(message, bytes) else message.encode()):
            done.set()

    channel.on("message", take)
    await caller.dial(sim, path("binary-json"))
    await over(done)
    assert all(isinstance(message, bytes) for message in seen)
    await caller.close()


async def test_chosen_by_model_and_by_script():
    async with Simulator(script=Script(misbehave="refuse-403")) as sim:
        caller = Caller()
        offer = await caller.offer()
        body, headers = multipart(offer, '{"type":"realtime","model":"gpt-realtime-sim-refuse-429"}')
        assert (await post(sim, CALLS, body, headers)).status_code == 429
        assert (await post(sim, f"{CALLS}?model=m", offer, SDP)).status_code == 403
        await caller.close()


@pytest.mark.parametrize("name", [name for name, row in TABLE.items() if row.where == "socket"])
async def test_what_only_sockets_can_do_is_refused(sim: Simulator, name: str):
    caller = Caller()
    response = await post(sim, path(name), await caller.offer(), SDP)
    assert (response.status_code, response.json()["error"]["code"]) == (400, "unknown_misbehaviour")
    await caller.close()
