"""The `openai-agents` package: its realtime runner with nothing changed but the URL and the key."""

from __future__ import annotations

import asyncio
import json
from base64 import b64decode
from typing import Any

import pytest
from agents import function_tool
from agents.realtime import RealtimeAgent
from agents.realtime import RealtimeRunner
from agents.realtime import RealtimeSession
from agents.realtime.model_inputs import RealtimeModelSendRawMessage
from proxying import KEY
from proxying import OTHER_KEY
from stage import Log
from stage import Stage
from stage import assert_credentials_kept
from stage import utterance

from store.reader import LogReader

pytestmark = pytest.mark.asyncio(loop_scope="session")

NO_AUDIO = {"model_settings": {"modalities": ["text"]}}


@pytest.fixture(autouse=True)
def _no_tracing(monkeypatch: pytest.MonkeyPatch) -> None:
    """By default the package sends traces of every conversation to OpenAI."""
    monkeypatch.setenv("OPENAI_AGENTS_DISABLE_TRACING", "1")


@function_tool
def get_weather(city: str) -> str:
    """The weather in a city."""
    return f"18 degrees in {city}"


async def opened(stage: Stage, *, path: str = "/v1/realtime", key: str = KEY, config: Any = None) -> RealtimeSession:
    agent = RealtimeAgent(name="Assistant", instructions="Be brief.", tools=[get_weather])
    url = stage.proxy.url(f"{path}?model=gpt-realtime")
    return await RealtimeRunner(agent, config=config).run(model_config={"url": url, "api_key": key})


async def until(session: RealtimeSession, *kinds: str) -> list[Any]:
    """Events until all of these types came, each as often as named; `raw:` before those of the provider."""
    seen: list[Any] = []
    wanted = list(kinds)
    async with asyncio.timeout(20):
        async for event in session:
            seen.append(event)
            if (kind := kind_of(event)) in wanted:
                wanted.remove(kind)
            if not wanted:
                return seen
    raise AssertionError(f"the session ended before {wanted}: {[kind_of(event) for event in seen]}")


def kind_of(event: Any) -> str:
    if event.type == "raw_model_event" and event.data.type == "raw_server_event":
        return f"raw:{event.data.data['type']}"
    return str(event.type)


async def test_text_turn(stage: Stage, log: Log):
    async with await opened(stage, config=NO_AUDIO) as session:
        await session.send_message("Good morning")
        await until(session, "agent_end")
    found = await log.session()
    assert found.session["client"]["agent"].startswith("Agents/Python")
    assert (found.session["principal"], found.session["model"]) == ("tester", "gpt-realtime")
    assert [turn["output"] for turn in found.turns] == ["I heard you say: Good morning"]
    assert found.usage["total_tokens"] > 0
    assert_credentials_kept(stage.upstream())


async def test_tool_call(stage: Stage, log: Log):
    async with await opened(stage) as session:
        await session.send_message("What is the weather in Paris?")
        events = await until(session, "tool_end", "raw:response.done", "raw:response.done")
    (ended,) = [event for event in events if event.type == "tool_end"]
    assert ended.output == "18 degrees in Paris"
    asked, answered = (await log.session()).turns
    (call,) = asked["tool_calls"]
    assert (call["name"], json.loads(call["arguments"])) == ("get_weather", {"city": "Paris"})
    assert answered["output"] == "This is what I found: 18 degrees in Paris"


async def test_interruption(stage: Stage, log: Log):
    async with await opened(stage, path="/slow/v1/realtime") as session:
        await session.send_message("Tell me a story")
        await until(session, "audio")
        for chunk in utterance("Stop it please"):
            await session.send_audio(b64decode(chunk))
        await until(session, "audio_interrupted")
        await until(session, "raw:conversation.item.truncated", "raw:response.done")
    found = await log.session()
    assert found.session["provider"] == "slow"
    story = found.turns[0]
    assert (story["status"], story["reason"], story["interrupted"]) == ("cancelled", "turn_detected", True)
    assert story["truncated_ms"] is not None
    assert story["usage"]["total_tokens"] > 0
    assert found.turns[1]["trigger"] == "vad"


async def test_a_refusal_of_ours_does_not_stall_it(stage: Stage, log: Log):
    forbidden: Any = {"type": "response.create", "other_data": {"response": {"model": "gpt-4o-realtime-preview"}}}
    settings = {"modalities": ["text"], "input_audio_transcription": {"model": "gpt-realtime-whisper"}}
    async with await opened(stage, key=OTHER_KEY, config={"model_settings": settings}) as session:
        await session.model.send_event(RealtimeModelSendRawMessage(forbidden))
        (*_, refused) = await until(session, "error")
        assert refused.error.code == "model_not_allowed"
        assert refused.error.event_id
        await session.send_message("Good morning")
        await until(session, "agent_end")
    found = await log.session()
    assert found.session["principal"] == "narrow"
    assert [turn["output"] for turn in found.turns] == ["I heard you say: Good morning"]
    assert "gpt-4o-realtime-preview" not in "".join(map(str, stage.upstream().messages))
    assert_credentials_kept(stage.upstream(), OTHER_KEY)


async def test_a_handover_is_told(stage: Stage, log: Log):
    """Another agent takes over within the session: what the first one was told and given is what it was, then it is not."""
    async with await opened(stage, config=NO_AUDIO) as session:
        await session.update_agent(RealtimeAgent(name="Assistant", instructions="Be brief.", tools=[get_weather]))
        await session.update_agent(RealtimeAgent(name="Billing", instructions="Talk about bills.", tools=[]))
        await until(session, "raw:session.updated", "raw:session.updated", "raw:session.updated")
    found = LogReader(stage.proxy.data).findings(session_id=(await log.session()).session["id"], limit=None, order="asc")
    assert [(one["kind"], one["action"], one["detail"]["code"]) for one in found] == [
        ("change", "alert", "instructions_changed"),
        ("change", "alert", "tools_changed"),
    ]
    assert found[1]["detail"]["removed"] == "get_weather"
