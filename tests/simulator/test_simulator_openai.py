"""Whole conversations of the real `openai` client with the simulator, over sockets; every event as sent is judged."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from collections.abc import AsyncIterator
from typing import Any

import pytest
from openai import AsyncOpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from strict_ga import judge
from strict_ga import judge_translation

from simulator import Script
from simulator import Simulator
from simulator.audio import silence
from simulator.audio import speak


def client(sim: Simulator, key: str = "sk-any", **options: Any) -> AsyncOpenAI:
    return AsyncOpenAI(api_key=key, base_url=sim.base_url, max_retries=0, **options)


async def until(connection: Any, *kinds: str, check: Any = judge) -> list[dict[str, Any]]:
    """Events up to the first of one of these types."""
    seen: list[dict[str, Any]] = []
    while not seen or seen[-1]["type"] not in kinds:
        async with asyncio.timeout(10):
            seen.append(json.loads(await connection.recv_bytes()))
        check(seen[-1])
    return seen


async def talk_to(connection: AsyncRealtimeConnection, words: str) -> None:
    audio = speak(words) + silence(800)
    for start in range(0, len(audio), 4_800):
        await connection.input_audio_buffer.append(audio=b64encode(audio[start : start + 4_800]).decode())


async def ask(connection: AsyncRealtimeConnection, words: str) -> None:
    content = [{"type": "input_text", "text": words}]
    await connection.conversation.item.create(item={"type": "message", "role": "user", "content": content})
    await connection.response.create()


@pytest.fixture
async def sim() -> AsyncIterator[Simulator]:
    async with Simulator(pace=0) as running:
        yield running


async def test_text(sim: Simulator):
    async with client(sim).realtime.connect(model="gpt-realtime") as connection:
        await connection.session.update(session={"type": "realtime", "output_modalities": ["text"]})
        await ask(connection, "Good morning")
        events = [event async for event in _typed(connection, "response.done")]
    assert next(event.text for event in events if event.type == "response.output_text.done") == "I heard you say: Good morning"
    assert events[-1].response.usage.total_tokens > 0
    (seen,) = sim.connections
    await seen.ended.wait()
    assert (seen.path, seen.query, seen.headers["Authorization"]) == ("/v1/realtime", {"model": "gpt-realtime"}, "Bearer sk-any")
    assert [json.loads(message)["type"] for message in seen.messages] == ["session.update", "conversation.item.create", "response.create"]
    assert seen.close_code == 1000


async def _typed(connection: AsyncRealtimeConnection, last: str) -> AsyncIterator[Any]:
    async for event in connection:
        judge(event.to_dict())
        yield event
        if event.type == last:
            return


async def test_voice_with_server_detection(sim: Simulator):
    async with client(sim).realtime.connect(model="gpt-realtime") as connection:
        await connection.session.update(session={"type": "realtime", "audio": {"input": {"transcription": {"model": "whisper-1"}}}})
        for words in ("Hello, can you hear me?", "What is the weather in Paris today?"):
            await talk_to(connection, words)
            events = await until(connection, "response.done")
            transcript = next(event["transcript"] for event in events if event["type"].endswith("transcription.completed"))
            assert transcript == words


async def test_manual_voice(sim: Simulator):
    async with client(sim).realtime.connect(model="gpt-realtime") as connection:
        await connection.session.update(session={"type": "realtime", "audio": {"input": {"turn_detection": None}}})
        await talk_to(connection, "Push to talk")
        await connection.input_audio_buffer.commit()
        await connection.response.create()
        events = await until(connection, "response.done")
        assert "input_audio_buffer.speech_started" not in {event["type"] for event in events}
        audio = [event["delta"] for event in events if event["type"] == "response.output_audio.delta"]
        assert len(audio) > 5
        assert {len(delta) for delta in audio} == {9_600}


async def test_tool_call(sim: Simulator):
    tool = {"type": "function", "name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}
    async with client(sim).realtime.connect(model="gpt-realtime") as connection:
        await connection.session.update(session={"type": "realtime", "tools": [tool]})
        await ask(connection, "What is the weather in Paris?")
        call = (await until(connection, "response.done"))[-1]["response"]["output"][0]
        assert (call["name"], json.loads(call["arguments"])) == ("get_weather", {"city": "Paris"})
        output = {"type": "function_call_output", "call_id": call["call_id"], "output": "18 degrees"}
        await connection.conversation.item.create(item=output)
        await connection.response.create()
        done = (await until(connection, "response.done"))[-1]["response"]
        assert done["output"][0]["content"][0]["transcript"] == "This is what I found: 18 degrees"


async def test_barge_in():
    async with Simulator(pace=0.2) as sim, client(sim).realtime.connect(model="gpt-realtime") as connection:
        await ask(connection, "Tell me a story")
        await until(connection, "response.output_audio.delta")
        await talk_to(connection, "Stop it please")
        events = await until(connection, "response.done")
        assert events[-1]["response"]["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
        item = events[-1]["response"]["output"][0]["id"]
        await connection.conversation.item.truncate(item_id=item, content_index=0, audio_end_ms=100)
        await until(connection, "conversation.item.truncated")


async def test_transcription(sim: Simulator):
    query = {"intent": "transcription"}
    async with client(sim).realtime.connect(extra_query=query) as connection:
        audio = {"input": {"transcription": {"model": "gpt-live-transcribe"}}}
        await connection.session.update(session={"type": "transcription", "audio": audio})
        await talk_to(connection, "Write this down")
        events = await until(connection, "conversation.item.input_audio_transcription.completed")
        assert events[-1]["transcript"] == Script().transcripts[0]


async def test_transcription_takes_no_model(sim: Simulator):
    async with client(sim).realtime.connect(model="gpt-realtime", extra_query={"intent": "transcription"}) as connection:
        events = await until(connection, "error")
        assert events[-1]["error"]["code"] == "invalid_model"


async def test_translation(sim: Simulator):
    async with client(sim).realtime.translations.connect(model="gpt-realtime-translate") as connection:
        await connection.session.update(session={"audio": {"output": {"language": "fr"}}})
        audio = speak("Hello there my friend") + silence(500)
        await connection.session.input_audio_buffer.append(audio=b64encode(audio).decode())
        await connection.session.close()
        events = await until(connection, "session.closed", check=judge_translation)
    said = "".join(event["delta"] for event in events if event["type"] == "session.output_transcript.delta")
    assert said == Script().translations[0]


async def test_live(sim: Simulator):
    async with client(sim).live.connect() as connection:
        await connection.send({"type": "session.start", "session": {"model": "gpt-live-1"}})
        audio = speak("Hello there my friend") + silence(900)
        await connection.send({"type": "session.input_audio.append", "audio": b64encode(audio).decode()})
        await until(connection, "session.usage.updated", check=_anything)
        await connection.send({"type": "session.close"})
        (closed,) = await until(connection, "session.closed", check=_anything)
    assert closed["usage"]["seconds"] > 0


def _anything(event: dict[str, Any]) -> None:
    """Live events are judged in the tests without I/O."""


async def test_beta_client_hears_beta_names(sim: Simulator):
    options = {"websocket_base_url": f"{sim.url}/v1"}
    async with client(sim, **options).beta.realtime.connect(model="gpt-4o-realtime-preview") as connection:
        await connection.session.update(session={"modalities": ["text"]})
        content = [{"type": "input_text", "text": "Hi"}]
        await connection.conversation.item.create(item={"type": "message", "role": "user", "content": content})
        await connection.response.create()
        seen = []
        async for event in connection:
            seen.append(event.type)
            if event.type == "response.done":
                break
    assert {"conversation.item.created", "response.text.delta"} <= set(seen)


async def test_models_and_keys():
    async with Simulator(require_key="sk-right") as sim:
        assert "gpt-realtime" in {model.id async for model in client(sim, "sk-right").models.list()}
        async with client(sim, "sk-wrong").realtime.connect(model="gpt-realtime") as connection:
            (refused,) = await until(connection, "error")
            assert refused["error"]["code"] == "invalid_api_key"
        await sim.connections[-1].ended.wait()
        assert (sim.connections[-1].close_code, sim.connections[-1].close_reason) == (3000, "invalid_request_error.invalid_api_key")
        async with client(sim, "sk-right").realtime.connect(model="gpt-realtime") as connection:
            await until(connection, "session.created")
