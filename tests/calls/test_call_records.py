"""The record of a call is that of a socket on which the same was said, and has the figures of its sound besides."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable
from collections.abc import Callable
from typing import Any

import pytest
from phone import PATIENCE
from recorded import Shown
from recorded import named
from switchboard import Switchboard
from websockets.asyncio.client import ClientConnection

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.usefixtures("nothing_left")]

Event = dict[str, Any]
Say = Callable[[Event], Awaitable[None]]
Until = Callable[[str, int], Awaitable[Event]]

WEATHER = {
    "type": "function",
    "name": "get_weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
SESSION = {"type": "realtime", "instructions": "Answer in one sentence.", "tools": [WEATHER], "audio": {"output": {"voice": "cedar"}}}


def words(text: str) -> Event:
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
    return {"type": "conversation.item.create", "item": item}


async def converse(say: Say, until: Until) -> None:
    """Words, a tool, an answer in text beside the conversation, an answer that is refused, and one that is cut short."""
    await say({"type": "session.update", "session": SESSION})
    await until("session.updated", 1)
    await say(words("Hello there."))
    await say({"type": "response.create"})
    await until("response.done", 1)
    await say(words("What is the weather in Paris?"))
    await say({"type": "response.create"})
    done = await until("response.done", 2)
    call = next(item for item in done["response"]["output"] if item["type"] == "function_call")
    output = {"type": "function_call_output", "call_id": call["call_id"], "output": "sunny, 21 degrees"}
    await say({"type": "conversation.item.create", "item": output})
    await say({"type": "response.create"})
    await until("response.done", 3)
    aside = {"conversation": "none", "output_modalities": ["text"], "input": [words("Which topic?")["item"]], "metadata": {"topic": "1"}}
    await say({"type": "response.create", "response": aside})
    await until("response.done", 4)
    await say({"type": "response.create", "response": {"max_output_tokens": 0}})
    await until("error", 1)
    await say(words("Tell me a story."))
    await say({"type": "response.create", "response": {"max_output_tokens": 20}})
    await until("response.done", 5)


class Socket:
    """A WebSocket with the ways of a phone."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.events: list[Event] = []

    async def say(self, event: Event) -> None:
        await self.socket.send(json.dumps(event))

    async def until(self, kind: str, count: int) -> Event:
        while len(found := [event for event in self.events if event["type"] == kind]) < count:
            self.events.append(json.loads(await asyncio.wait_for(self.socket.recv(), PATIENCE)))
        return found[count - 1]


async def by_call(board: Switchboard) -> Shown:
    async with board.call(name="by call") as (phone, _):

        async def say(event: Event) -> None:
            phone.say(event)

        async def until(kind: str, count: int) -> Event:
            """An answer that is spoken is over when it was heard out."""
            event = await phone.until(kind, count)
            spoken = [done for done in phone.of("response.done")[:count] if '"output_audio"' in json.dumps(done["response"]["output"])]
            if kind == "response.done" and event in spoken:
                await phone.until("output_audio_buffer.stopped", len(spoken))
            return event

        await converse(say, until)
    return await board.record("by call")


async def by_socket(board: Switchboard) -> Shown:
    async with board.proxy.connect("/v1/realtime?model=gpt-realtime", headers=named("by socket")) as connection:
        socket = Socket(connection)
        await converse(socket.say, socket.until)
    return await board.record("by socket")


TIMES = ("started_at", "ended_at")
OF_THE_MOMENT = ("id", "session", "clocks", "moments", "first_audio", "audio", "added")


def plain(value: Any) -> Any:
    """Without ids and times, which are new each time."""
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items() if name not in OF_THE_MOMENT and not name.endswith(("_ms", "_at", "_id"))}
    return [plain(each) for each in value] if isinstance(value, list) else value


async def test_a_call_and_a_socket_leave_the_same(board: Switchboard):
    call, socket = await asyncio.gather(by_call(board), by_socket(board))
    assert [plain(turn) for turn in call.turns] == [plain(turn) for turn in socket.turns]
    sounded = [[turn["audio"]["out_seconds"] for turn in record.turns] for record in (call, socket)]
    assert sounded[0] == pytest.approx(sounded[1], abs=0.5)
    assert sum(sounded[1]) > 4
    assert [(turn["status"], turn["reason"]) for turn in call.turns] == [
        *[("completed", None)] * 4,
        ("failed", "refused"),
        ("incomplete", "max_output_tokens"),
    ]
    assert (call.tools, call.turns[1]["tool_calls"][0]["result"]) == (["get_weather"], "sunny, 21 degrees")
    assert call.session["usage"] == socket.session["usage"]
    assert call.session["cost"] == socket.session["cost"]
    assert call.session["cost"]["usd"] > 0
    assert call.session["frames"]["client"] == socket.session["frames"]["client"]
    assert set(call.session) == set(socket.session)
    differs = {name for name in call.session if plain(call.session[name]) != plain(socket.session[name])} - set(OF_THE_MOMENT)
    assert differs == {
        "call",
        "transport",
        "media",
        "frames",
        "provider_session",
        "client",
        "grouping",
        "close",
        "errors",
        "started_at",
        "ended_at",
    }
    assert [[error["code"] for error in record.session["errors"]] for record in (call, socket)] == [["invalid_value"]] * 2
    assert call.session["client"]["path"] == "/v1/realtime/calls"


async def test_the_figures_of_its_sound(board: Switchboard):
    async with board.call(name="figures") as (phone, _):
        phone.ask("Tell me a story.")
        await phone.until("response.done")
        await phone.met(lambda: phone.heard > 150, "three seconds of sound")
    session = (await board.record("figures")).session
    for side, first in (("client", "in_seconds"), ("upstream", "out_seconds")):
        media = session["media"][side]
        assert media["packets"] >= 140
        assert media["bytes"] > 3 * media["packets"]
        assert 2.5 < media["seconds"] < media["packets"] * 0.03
        assert session["audio"][first] == media["seconds"]
        assert (media["first_packet_ms"] > 0, media["lost"]) in ((True, None), (True, 0))
        assert {name: count for name, count in media["dropped"].items() if name != "early" and count} == {}
        assert all(session["media"]["setup"][side][step] > 0 for step in ("ice_ms", "dtls_ms", "channel_ms"))
