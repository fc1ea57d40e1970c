"""The `openai` package, async and sync, GA and beta, OpenAI's and Azure's classes, changed in base URL and key only."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from openai import AsyncAzureOpenAI
from openai import AsyncOpenAI
from openai import OpenAI
from openai.types.websocket_reconnection import ReconnectingEvent
from proxying import KEY
from proxying import OTHER_KEY
from stage import Log
from stage import Stage
from stage import assert_credentials_kept
from stage import utterance
from websockets.exceptions import InvalidStatus

from simulator import Script

pytestmark = pytest.mark.asyncio(loop_scope="session")

GREETING = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Good morning"}]}
ANSWER = "I heard you say: Good morning"
WEATHER = {"type": "function", "name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}


def client(stage: Stage, key: str = KEY, **options: Any) -> AsyncOpenAI:
    return AsyncOpenAI(api_key=key, base_url=stage.proxy.base_url, max_retries=0, **options)


async def until(connection: Any, kind: str) -> AsyncIterator[Any]:
    """Events up to the first of a type."""
    async with asyncio.timeout(20):
        async for event in connection:
            yield event
            if event.type == kind:
                return


async def last(connection: Any, kind: str) -> Any:
    return [event async for event in until(connection, kind)][-1]


async def test_text(stage: Stage, log: Log):
    async with client(stage).realtime.connect(model="gpt-realtime") as connection:
        await connection.session.update(session={"type": "realtime", "output_modalities": ["text"]})
        await connection.conversation.item.create(item=GREETING)
        await connection.response.create()
        done = await last(connection, "response.done")
    found = await log.session()
    assert (found.session["principal"], found.session["provider"], found.session["model"]) == ("tester", "openai", "gpt-realtime")
    assert found.session["client"]["agent"].startswith("AsyncOpenAI/Python")
    assert found.session["close"] == {"code": 1000, "reason": "", "side": "client"}
    assert found.session["cost"]["priced"]
    (turn,) = found.turns
    assert (turn["status"], turn["input"], turn["output"]) == ("completed", "Good morning", ANSWER)
    assert turn["usage"]["total_tokens"] == found.usage["total_tokens"] == done.response.usage.total_tokens > 0
    assert_credentials_kept(stage.upstream())
    assert (stage.upstream().path, stage.upstream().query) == ("/v1/realtime", {"model": "gpt-realtime"})


async def test_sync_client(stage: Stage, log: Log):
    def talk() -> str:
        with (
            OpenAI(api_key=KEY, base_url=stage.proxy.base_url) as made,
            made.realtime.connect(model="gpt-realtime") as connection,
        ):
            connection.session.update(session={"type": "realtime", "output_modalities": ["text"]})
            connection.conversation.item.create(item=GREETING)
            connection.response.create()
            text = ""
            for event in connection:
                if event.type == "response.output_text.done":
                    text = event.text
                if event.type == "response.done":
                    return text
        raise AssertionError("the connection ended before the answer")

    assert await asyncio.to_thread(talk) == ANSWER
    found = await log.session()
    assert (found.session["principal"], found.session["close"]["code"]) == ("tester", 1000)
    assert [turn["output"] for turn in found.turns] == [ANSWER]
    assert_credentials_kept(stage.upstream())


async def test_voice_turns(stage: Stage, log: Log):
    spoken = ("Hello, can you hear me?", "What is the weather in Paris today?")
    async with client(stage).realtime.connect(model="gpt-realtime") as connection:
        await connection.session.update(session={"type": "realtime", "audio": {"input": {"transcription": {"model": "whisper-1"}}}})
        seconds = 0.0
        for words in spoken:
            for chunk in utterance(words):
                await connection.input_audio_buffer.append(audio=chunk)
                seconds += 0.1
            await last(connection, "response.done")
    found = await log.session()
    assert [turn["input"] for turn in found.turns] == list(spoken)
    assert [turn["trigger"] for turn in found.turns] == ["vad", "vad"]
    assert all(turn["usage"]["output_audio"] > 0 and turn["audio"]["out_seconds"] > 0 for turn in found.turns)
    assert found.usage["total_tokens"] == sum(turn["usage"]["total_tokens"] for turn in found.turns)
    assert found.session["audio"]["in_seconds"] == pytest.approx(seconds, abs=0.3)


async def test_tool_call(stage: Stage, log: Log):
    async with client(stage).realtime.connect(model="gpt-realtime") as connection:
        await connection.session.update(session={"type": "realtime", "output_modalities": ["text"], "tools": [WEATHER]})
        question = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "What is the weather in Paris?"}]}
        await connection.conversation.item.create(item=question)
        await connection.response.create()
        call = (await last(connection, "response.done")).response.output[0]
        await connection.conversation.item.create(
            item={"type": "function_call_output", "call_id": call.call_id, "output": "18 degrees"},
        )
        await connection.response.create()
        await last(connection, "response.done")
    asked, answered = (await log.session()).turns
    (recorded,) = asked["tool_calls"]
    assert (recorded["name"], json.loads(recorded["arguments"]), recorded["call_id"]) == ("get_weather", {"city": "Paris"}, call.call_id)
    assert asked["tools"] == ["get_weather"]
    assert answered["output"] == "This is what I found: 18 degrees"


async def test_transcription_session(stage: Stage, log: Log):
    async with client(stage).realtime.connect(extra_query={"intent": "transcription"}) as connection:
        audio = {"input": {"transcription": {"model": "gpt-live-transcribe"}}}
        await connection.session.update(session={"type": "transcription", "audio": audio})
        for chunk in utterance("Write this down"):
            await connection.input_audio_buffer.append(audio=chunk)
        done = await last(connection, "conversation.item.input_audio_transcription.completed")
    found = await log.session()
    assert (found.session["family"], found.session["model"]) == ("transcription", "gpt-live-transcribe")
    (turn,) = found.turns
    assert (turn["status"], turn["input"]) == ("completed", done.transcript)
    assert found.usage["total_tokens"] == done.usage.total_tokens > 0
    assert stage.upstream().query == {"intent": "transcription"}


async def test_translation(stage: Stage, log: Log):
    async with client(stage).realtime.translations.connect(model="gpt-realtime-translate") as connection:
        await connection.session.update(session={"audio": {"output": {"language": "fr"}}})
        for chunk in utterance("Hello there my friend"):
            await connection.session.input_audio_buffer.append(audio=chunk)
        await connection.session.close()
        events = [event async for event in until(connection, "session.closed")]
    assert "".join(event.delta for event in events if event.type == "session.output_transcript.delta") == Script().translations[0]
    found = await log.session()
    assert (found.session["family"], found.session["dialect"]) == ("translation", "openai-translation")
    assert found.session["model"] == "gpt-realtime-translate"
    assert found.session["audio"]["in_seconds"] > 1
    assert found.turns == []
    assert_credentials_kept(stage.upstream())


async def test_live(stage: Stage, log: Log):
    async with client(stage).live.connect() as connection:
        await connection.send({"type": "session.start", "session": {"model": "gpt-live-1"}})
        for chunk in utterance("Hello there my friend"):
            await connection.send({"type": "session.input_audio.append", "audio": chunk})
        await last(connection, "session.usage.updated")
        await connection.send({"type": "session.close"})
        closed = await last(connection, "session.closed")
    assert closed.usage.seconds > 0
    found = await log.session()
    assert (found.session["family"], found.session["model"]) == ("live", "gpt-live-1")
    assert found.usage["seconds"] == closed.usage.seconds
    assert_credentials_kept(stage.upstream())


async def test_beta_class(stage: Stage, log: Log):
    made = client(stage, websocket_base_url=stage.proxy.url("/v1"))
    async with made.beta.realtime.connect(model="gpt-4o-realtime-preview") as connection:
        await connection.session.update(session={"modalities": ["text"]})
        await connection.conversation.item.create(item=GREETING)
        await connection.response.create()
        kinds = [event.type async for event in until(connection, "response.done")]
    assert {"conversation.item.created", "response.text.delta"} <= set(kinds)
    assert stage.upstream().headers["OpenAI-Beta"] == "realtime=v1"
    found = await log.session()
    (turn,) = found.turns
    assert (turn["status"], turn["output"]) == ("completed", ANSWER)
    assert found.usage["total_tokens"] > 0
    assert_credentials_kept(stage.upstream())


@pytest.mark.parametrize("kind", ["beta", "ga"])
async def test_azure_preview(stage: Stage, log: Log, kind: str):
    made = AsyncAzureOpenAI(
        api_key=KEY,
        azure_endpoint=stage.proxy.url("", "http"),
        websocket_base_url=stage.proxy.url("/openai"),
        api_version="2025-04-01-preview",
    )
    realtime = made.beta.realtime if kind == "beta" else made.realtime
    async with realtime.connect(model="rt-deployment") as connection:
        await connection.send({"type": "session.update", "session": {"modalities": ["text"]}})
        await connection.conversation.item.create(item=GREETING)
        await connection.response.create()
        kinds = [event.type async for event in until(connection, "response.done")]
    assert "response.text.delta" in kinds
    seen = stage.upstream()
    assert (seen.path, seen.query) == ("/openai/realtime", {"api-version": "2025-04-01-preview", "deployment": "rt-deployment"})
    assert seen.headers["api-key"]
    assert_credentials_kept(seen)
    found = await log.session()
    assert (found.session["provider"], found.session["model"], found.session["upstream_model"]) == (
        "azure",
        "gpt-realtime",
        "rt-deployment",
    )
    assert [turn["output"] for turn in found.turns] == [ANSWER]
    assert found.usage["total_tokens"] > 0


async def test_azure_ga_path_with_an_empty_authorization(stage: Stage, log: Log):
    made = AsyncOpenAI(
        api_key="unused",
        base_url=stage.proxy.url("/openai/v1", "http"),
        default_headers={"api-key": KEY, "Authorization": ""},
        max_retries=0,
    )
    async with made.realtime.connect(model="rt-deployment") as connection:
        await connection.session.update(session={"type": "realtime", "output_modalities": ["text"]})
        await connection.conversation.item.create(item=GREETING)
        await connection.response.create()
        await last(connection, "response.done")
    seen = stage.upstream()
    assert (seen.path, seen.query) == ("/openai/v1/realtime", {"model": "rt-deployment"})
    assert "Authorization" not in seen.headers
    assert_credentials_kept(seen)
    found = await log.session()
    assert (found.session["principal"], found.session["provider"], found.session["model"]) == ("tester", "azure", "gpt-realtime")
    assert [turn["output"] for turn in found.turns] == [ANSWER]


async def test_reconnects_by_itself_when_the_provider_is_lost(stage: Stage, log: Log):
    codes: list[int] = []

    def again(event: ReconnectingEvent) -> None:
        codes.append(event.close_code)

    connecting = client(stage).realtime.connect(model="gpt-realtime-sim-drop-mid-answer", on_reconnecting=again, initial_delay=0)
    async with connecting as connection:
        await connection.response.create()
        events = [event.type async for event in until(connection, "error")]
        assert "response.done" not in events
        await last(connection, "session.created")
    assert codes == [1011]
    cut, next_one = await log.sessions(2)
    assert (cut.session["close"]["code"], cut.session["close"]["side"]) == (1006, "upstream")
    assert [(turn["status"], turn["reason"]) for turn in cut.turns] == [("interrupted", "upstream_closed")]
    assert next_one.session["close"] == {"code": 1000, "reason": "", "side": "client"}


async def test_wrong_key(stage: Stage, log: Log):
    before = len(stage.upstreams["ga"].connections)
    with pytest.raises(InvalidStatus) as refused:
        async with client(stage, "vt_wrong").realtime.connect(model="gpt-realtime"):
            raise AssertionError("a wrong key got a session")
    assert refused.value.response.status_code == 401
    assert json.loads(refused.value.response.body)["error"]["code"] == "invalid_api_key"
    assert len(stage.upstreams["ga"].connections) == before
    await log.sessions(0)


async def test_model_outside_the_key(stage: Stage, log: Log):
    with pytest.raises(InvalidStatus) as refused:
        async with client(stage, OTHER_KEY).realtime.connect(model="gpt-4o-realtime-preview"):
            raise AssertionError("the key got a model that it may not use")
    assert refused.value.response.status_code == 403
    assert json.loads(refused.value.response.body)["error"]["code"] == "model_not_allowed"
    await log.sessions(0)


async def test_models_list(stage: Stage):
    async with client(stage) as made:
        assert [model.id async for model in made.models.list()] == ["gpt-realtime"]
