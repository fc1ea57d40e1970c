"""`start --monitor`: every policy only watches, whatever its mode; not a byte is changed, nothing is stopped, all of it is told."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from policed import CARD
from policed import Stage
from policed import policed
from policed import words_of
from reloading import reloaded
from talking import message

from simulator.script import STORY

pytestmark = pytest.mark.asyncio(loop_scope="module")

TOOL = {"type": "function", "name": "wire_money", "parameters": {"type": "object", "properties": {}}}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with policed(tmp_path_factory.mktemp("watching"), "--monitor") as made:
        yield made


async def test_everything_crosses_as_it_was_sent_and_every_policy_is_heard_of(stage: Stage) -> None:
    said = [
        json.dumps({"type": "session.update", "session": {"type": "realtime", "tools": [TOOL], "output_modalities": ["text"]}}),
        json.dumps({"type": "conversation.item.create", "item": message(f"{CARD} is platinum, blast you")}, separators=(",", ":")),
        json.dumps({"type": "conversation.item.create", "item": message("Tell me a story about my umbrella.")}),
        json.dumps({"type": "response.create", "response": {"tool_choice": "none"}}),
    ]
    async with stage.talk("watched") as talk:
        for one in said:
            await talk.socket.send(one)
        response = await talk.done()
    assert talk.upstream == said
    assert words_of(response) == [STORY]
    assert "".join(event["delta"] for event in talk.all("response.output_text.delta")) == STORY
    assert talk.all("error") == []
    assert {policy for policy, mode, applied in talk.hits() if (mode, applied) == ("monitor", False)} == {
        "cards",
        "tools",
        "rude",
        "vip",
        "rain",
        "keeper",
    }
    assert [hit for hit in talk.hits() if hit[1:] != ("monitor", False)] == []
    assert talk.shown.session["tags"] == []
    assert talk.shown.close[0] == 1000
    assert CARD not in json.dumps(talk.findings)


async def test_a_changed_file_does_not_end_it(stage: Stage) -> None:
    async with stage.talk("still watched") as talk, reloaded(stage.proxy, "id: rain, mode: monitor", "id: rain, mode: enforce"):
        await talk.text("an umbrella")
        await talk.until("conversation.item.done")
    assert [event["item"]["content"][0]["text"] for event in talk.sent("conversation.item.create")] == ["an umbrella"]
    assert ("rain", "monitor", False) in talk.hits()
