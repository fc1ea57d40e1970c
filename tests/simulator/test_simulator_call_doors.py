"""Every way to offer a call, what each provider answers, and offers that are none."""

from __future__ import annotations

import json
from typing import Any

import pytest
from calling import Caller
from calling import calling
from calling import multipart
from calling import post
from calling import post_json
from strict_ga import judge_translation
from waiting import eventually

from simulator import Simulator

CALLS = "/v1/realtime/calls"
SDP = {"Content-Type": "application/sdp"}
SESSION = {"type": "realtime", "model": "gpt-realtime-2", "instructions": "Be brief."}


def unjudged(event: dict[str, Any]) -> None:
    """Beta and Live events are not GA events."""


async def test_multipart_with_a_session():
    async with Simulator() as sim:
        caller = Caller()
        body, headers = multipart(await caller.offer(), json.dumps(SESSION))
        response = await post(sim, CALLS, body, headers)
        assert (response.status_code, response.headers["content-type"]) == (201, "application/sdp")
        (call,) = sim.calls
        assert response.headers["location"] == f"{CALLS}/{call.id}"
        assert call.id.startswith("rtc_")
        await caller.accept(response.text)
        session = (await caller.until("session.created"))["session"]
        assert (session["model"], session["instructions"]) == ("gpt-realtime-2", "Be brief.")
        await caller.close()
    (asked,) = sim.requests
    assert (asked.method, asked.path, asked.status) == ("POST", CALLS, 201)
    assert b"v=0\r\n" in asked.body


async def test_the_session_of_an_ephemeral_key():
    async with Simulator(require_key="right") as sim:
        minted = await post_json(sim, "/v1/realtime/client_secrets", {"session": SESSION}, "right")
        async with calling(sim, CALLS, key=minted.json()["value"]) as caller:
            assert (await caller.until("session.created"))["session"]["instructions"] == "Be brief."


async def test_a_transcription_call():
    hearing = {"type": "transcription", "audio": {"input": {"transcription": {"model": "gpt-live-transcribe"}}}}
    async with Simulator() as sim:
        minted = await post_json(sim, "/v1/realtime/client_secrets", {"session": hearing})
        async with calling(sim, CALLS, key=minted.json()["value"]) as caller:
            await caller.until("session.created")
            caller.speak("Hello there can you hear me")
            done = await caller.until("conversation.item.input_audio_transcription.completed")
            assert caller.count("response.created") == 0
    assert done["transcript"] == "Hello, can you hear me?"


async def test_a_translated_call():
    async with Simulator() as sim, calling(sim, "/v1/realtime/translations/calls?model=m", check=judge_translation) as caller:
        caller.speak("Hello there can you hear me")
        await caller.until("session.output_transcript.delta", 2)
        await caller.hears(20)
        assert caller.count("session.output_audio.delta") == 0


@pytest.mark.parametrize(
    ("path", "status", "location"),
    [
        ("/v1/realtime?model=m", 201, "/v1/realtime/calls/"),
        ("/v1/realtimertc?model=m", 201, "/v1/realtime/calls/"),
        ("/api/v1/webrtc/realtime?model=m", 200, None),
    ],
)
async def test_ways_in_that_speak_beta(path: str, status: int, location: str | None):
    async with Simulator(pace=0) as sim:
        caller = Caller(unjudged)
        response = await caller.dial(sim, path)
        assert response.status_code == status
        assert response.headers.get("location") == (None if location is None else location + sim.calls[0].id)
        assert "modalities" in (await caller.until("session.created"))["session"]
        caller.ask("Good morning")
        await caller.until("response.audio_transcript.done")
        await caller.until("response.done")
        assert caller.count("response.audio.delta") == 0
        await caller.close()


async def test_azure_filters_the_channel_and_names_the_call_in_a_query():
    tools = [{"type": "function", "name": "get_weather", "parameters": {"type": "object", "properties": {}}}]
    session = {**SESSION, "tools": tools}
    async with Simulator(pace=0, location="query") as sim:
        minted = await post_json(sim, "/openai/v1/realtime/client_secrets", {"session": session})
        caller = Caller()
        response = await caller.dial(sim, "/openai/v1/realtime/calls?webrtcfilter=on", minted.json()["value"])
        assert response.headers["location"] == f"/openai/v1/realtime/calls?call_id={sim.calls[0].id}"
        await eventually(lambda: caller.channel is not None and caller.channel.readyState == "open")
        caller.ask("What is the weather?")
        caller.ask("Good morning")
        await caller.until("response.output_audio_transcript.done")
        await caller.close()
    assert set(caller.kinds()) <= {
        *("conversation.item.added", "response.output_audio_transcript.delta", "response.output_audio_transcript.done"),
        *("output_audio_buffer.started", "output_audio_buffer.stopped", "error"),
    }
    assert "get_weather" not in json.dumps(caller.events)


async def test_openai_live_over_json():
    async with Simulator() as sim:
        caller = Caller(unjudged)
        body = {"session": {"model": "gpt-live-1"}, "transport": {"type": "webrtc", "sdp": await caller.offer()}}
        response = await post_json(sim, "/v1/live/sessions", body)
        made = response.json()
        assert made["session"]["id"] == sim.calls[0].id
        assert made["transport"]["type"] == "webrtc"
        await caller.accept(made["transport"]["sdp"])
        await caller.until("session.started")
        caller.speak("Hello there can you hear me")
        await caller.until("session.output_transcript.delta", 2)
        await caller.hears(20)
        await caller.close()


async def test_candidates_that_cannot_be_used_do_no_harm(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delattr("aioice.ice.get_or_create_mdns_protocol")
    async with Simulator() as sim:
        caller = Caller()
        offer = await caller.offer()
        kept = [line for line in offer.splitlines() if not line.startswith(("a=candidate", "a=end-of-candidates"))]
        useless = [
            "a=candidate:1 1 udp 2113937151 0f3c8f2e-6c5b-4a53-9d8e-0c8f6d1f2a11.local 50000 typ host",
            "a=candidate:2 1 tcp 1518280447 127.0.0.1 9 typ host",
            "a=candidate:3 1 udp 2113937151 198.51.100.7 50000 typ host",
            "a=candidate:4 1 udp 2113937151",
        ]
        place = next(index for index, line in enumerate(kept) if line.startswith("a=mid:"))
        spoiled = [*kept[:place], *useless, "a=end-of-candidates", *kept[place:], ""]
        response = await post(sim, f"{CALLS}?model=m", "\r\n".join(spoiled), SDP)
        await caller.accept(response.text)
        await caller.until("session.created")
        await caller.close()


async def test_video_is_offered_in_vain():
    async with Simulator() as sim:
        caller = Caller()
        caller.peer.addTransceiver("video")
        await caller.dial(sim)
        await caller.until("session.created")
        caller.ask("Good morning")
        await caller.hears(10)
        assert [each.currentDirection for each in caller.peer.getTransceivers()] == ["sendrecv", "inactive"]
        await caller.close()


GOOD = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"


@pytest.mark.parametrize(
    ("body", "headers", "code"),
    [
        (b"", SDP, "missing_required_parameter"),
        (b"hello", SDP, "invalid_offer"),
        (b"\xff\xfe", SDP, "invalid_offer"),
        (GOOD.encode(), SDP, "invalid_offer"),
        (GOOD.replace("audio", "video").encode(), SDP, "invalid_offer"),
        (GOOD.encode(), {"Content-Type": "text/plain"}, "unsupported_content_type"),
        (GOOD.encode(), {}, "unsupported_content_type"),
        (b"--xyz\r\nnothing", {"Content-Type": "multipart/form-data; boundary=xyz"}, "invalid_multipart"),
        (b"nothing", {"Content-Type": "multipart/form-data"}, "invalid_multipart"),
        (*multipart(GOOD, "{"), "invalid_json"),
        (*multipart(GOOD, "{}"), "missing_required_parameter"),
        (*multipart(GOOD, '{"type":"realtime","voice":"ash"}'), "unknown_parameter"),
        (*multipart("", "{}"), "missing_required_parameter"),
    ],
)
async def test_offers_that_are_none(body: bytes, headers: dict[str, str], code: str):
    async with Simulator() as sim:
        response = await post(sim, f"{CALLS}?model=m", body, headers)
        assert (response.status_code, response.json()["error"]["code"]) == (400, code)
        assert sim.calls == []


async def test_there_are_only_so_many_calls(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("simulator.calls._MOST_CALLS", 1)
    async with Simulator() as sim, calling(sim):
        caller = Caller()
        response = await post(sim, f"{CALLS}?model=m", await caller.offer(), SDP)
        assert (response.status_code, response.headers["retry-after"]) == (503, "1")
        await caller.close()


async def test_a_model_is_wanted():
    async with Simulator() as sim:
        caller = Caller()
        response = await post(sim, CALLS, await caller.offer(), SDP)
        assert (response.status_code, response.json()["error"]["code"]) == (400, "missing_model")
        await caller.close()


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "session"),
        ({"session": {}, "transport": {"type": "webrtc", "sdp": "v=0"}}, "session.model"),
        ({"session": {"model": "m"}, "transport": {"type": "sip", "sdp": ""}}, "transport.type"),
    ],
)
async def test_live_offers_that_are_none(body: Any, param: str):
    async with Simulator() as sim:
        response = await post_json(sim, "/v1/live/sessions", body)
    assert (response.status_code, response.json()["error"]["param"]) == (400, param)
