"""Calls of a program: by secret and by key, and the demo, whose record is that of a WebSocket and more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from caller import SAID
from caller import assert_measured
from caller import said
from callstage import MODEL
from callstage import SESSION
from callstage import Stage
from openai import AsyncOpenAI
from proxying import KEY
from proxying import command

from cli.call import Answer
from cli.call import Call
from cli.call import Event
from cli.call import Post
from cli.call import with_secret
from cli.conversation import converse
from store.reader import LogReader

pytestmark = pytest.mark.asyncio(loop_scope="session")

LINES = [
    ("user", "Hello, can you hear me?"),
    ("model", "Yes, I can hear you clearly. What can I do for you?"),
    ("user", "What is the weather in Paris today?"),
    ("tool", 'get_weather({"city":"Paris"}) = sunny and 21 degrees in Paris'),
    ("model", "This is what I found: sunny and 21 degrees in Paris"),
]


def with_key(stage: Stage) -> Post:
    """Offers as a program with a key does: SDP and session are parts of a form."""

    async def post(offer: str) -> Answer:
        async with AsyncOpenAI(base_url=stage.proxy.base_url, api_key=KEY) as client:
            answer = await client.realtime.calls.with_raw_response.create(sdp=offer, session=SESSION)  # type: ignore[arg-type]
        return Answer(answer.text, answer.headers["location"])

    return post


async def until(call: Call, kind: str) -> Event:
    async for event in call.events():
        if event["type"] == kind:
            return event
    raise AssertionError(f"the call ended without {kind}")


def known_of(record: dict[str, Any]) -> set[str]:
    return {name for name, value in record.items() if value is not None}


async def test_the_demo_leaves_the_record_that_a_socket_leaves(stage: Stage, tmp_path: Path):
    shown = await command("demo", "--webrtc", "--data", str(tmp_path))
    for who, text in LINES:
        assert f"{who:>7}  {text}\n" in shown
    for text in ("   call  hung up; ", "  webrtc, 1000 by client hung up\n", "media  from the client ", "turn 5 "):
        assert text in shown
    assert "unpriced" not in shown
    [call] = LogReader(tmp_path).sessions()
    turns = LogReader(tmp_path).turns(call["id"])
    assert said(turns) == SAID
    assert_measured(call)
    before = stage.known()
    assert [(line.who, line.text) async for line in converse(stage.proxy.base_url, KEY, MODEL)] == LINES
    socket, socket_turns = await stage.recorded(before)
    assert said(socket_turns) == SAID[:3]
    assert [set(turn) for turn in turns[:3]] == [set(turn) for turn in socket_turns]
    assert [set(turn["usage"]) for turn in turns[:3]] == [set(turn["usage"]) for turn in socket_turns]
    assert known_of(call) == known_of(socket) | {"call", "media", "client_secret", "recording", "events"}


async def test_a_call_with_a_key_and_a_form(stage: Stage):
    before = stage.known()
    async with Call(with_key(stage)) as call:
        created = await until(call, "session.created")
        assert [tool["name"] for tool in created["session"]["tools"]] == ["get_weather"]
        call.send({"type": "response.create", "response": {"output_modalities": ["text"], "instructions": "Greet the user."}})
        done = await until(call, "response.done")
        call.send({"type": "response.create", "response": {"instructions": "Tell me a story."}})
        await call.ear.hears(0.5)
    session, turns = await stage.recorded(before)
    assert call.answer.location.rpartition("/")[2].startswith("call_")
    assert done["response"]["status"] == "completed"
    assert [turn["audio"]["out_seconds"] > 0.3 for turn in turns] == [False, True], "he hung up while it was being said"
    assert session["principal"] == "tester"


async def test_the_caller_learns_that_the_other_side_hung_up(stage: Stage):
    before = stage.known()
    async with Call(with_secret(stage.proxy.base_url, await stage.secret())) as call:
        await until(call, "session.created")
        stage.simulator.calls[-1].end("done")
        assert [event["type"] async for event in call.events() if event["type"] == "error"] == []
    session, _ = await stage.recorded(before)
    assert session["close"] == {"code": 1000, "reason": "the provider hung up", "side": "upstream"}


async def test_an_offer_with_a_wrong_secret_says_so(stage: Stage):
    with pytest.raises(RuntimeError, match=r"answered 401: .*invalid_api_key"):
        async with Call(with_secret(stage.proxy.base_url, "ek_vt_wrong")):
            raise AssertionError("a wrong secret got a call")
