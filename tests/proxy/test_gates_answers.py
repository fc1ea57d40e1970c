"""Answers that wait for the words of the user, with the real program: what the provider is sent, and what the app sees of it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from gated import BOTH
from gated import GATE
from gated import PLAIN
from gated import Stage
from gated import gated
from gated import gates
from policed import Policed

pytestmark = pytest.mark.asyncio(loop_scope="module")

HEARD = "conversation.item.input_audio_transcription.completed"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with gated(tmp_path_factory.mktemp("gated")) as made:
        yield made


def ours(talk: Policed) -> list[str]:
    """The types of what the gate said to the provider."""
    return [event["type"] for event in map(json.loads, talk.upstream) if str(event.get("event_id", "")).startswith("vt_gate_")]


def seen(talk: Policed) -> list[tuple[str, Any]]:
    """What the app saw, with how its session is configured."""
    return [(event["type"], event.get("session", {}).get("audio", {}).get("input")) for event in talk.heard]


async def test_the_gate_does_not_show(stage: Stage) -> None:
    """The same as without it, up to when the transcript comes."""
    orders = []
    for name, path in (("gated", GATE), ("free", PLAIN)):
        async with stage.talk(name, path) as talk:
            await talk.update(instructions="Be brief.")
            await talk.voice("What is the weather like?")
            response = await talk.done()
        assert response["status"] == "completed"
        orders.append([event for event in seen(talk) if "delta" not in event[0]])
        assert not any("vt_gate_" in json.dumps(event) for event in talk.heard)
        if name == "gated":
            assert ours(talk) == ["session.update", "response.create"]
            assert talk.sent("session.update")[0]["session"]["audio"]["input"]["turn_detection"]["create_response"] is False
            assert talk.shown.turns[0]["input"] == "What is the weather like?"
            assert gates(talk) == []
    assert orders[0] == orders[1]


async def test_what_a_policy_stops_is_not_answered(stage: Stage) -> None:
    async with stage.talk("stopped", GATE) as talk:
        for words in ("What is the weather like?", "Are you there?"):
            await talk.voice(words)
            assert (await talk.done())["status"] == "completed"
        await talk.voice("Tell me about a bomb.")
        error = (await talk.until("error"))["error"]
        assert error["code"] == "policy_violation"
        await talk.voice("What is the weather like?")
        assert (await talk.done())["status"] == "completed"
    items = [event["item_id"] for event in talk.all("input_audio_buffer.committed")]
    assert [event["item_id"] for event in talk.sent("conversation.item.delete")] == [items[2]]
    assert ours(talk) == ["session.update", *["response.create"] * 2, "conversation.item.delete", "response.create"]
    assert len(talk.all("response.created")) == 3
    assert talk.all("conversation.item.deleted") == []
    assert gates(talk) == [("block", "blocked")]


async def test_an_app_that_asks_too(stage: Stage) -> None:
    """Before the transcript, and after the gate has asked: one request reaches the provider."""
    async with stage.talk("both ask", GATE) as talk:
        await talk.update(audio={"input": {"transcription": {"model": "whisper-1"}}})
        await talk.voice("What is the weather like?")
        await talk.until("input_audio_buffer.committed")
        await talk.say("response.create", event_id="mine")
        await talk.done()
        await talk.voice("Are you there?")
        await talk.until("response.created")
        await talk.say("response.create")
        await talk.done()
        assert len(talk.all(HEARD)) == 2
        await talk.ask()
    created = [event.get("event_id") for event in talk.sent("response.create")]
    assert created[0] == "mine"
    assert created[1].startswith("vt_gate_")
    assert len(created) == 3
    assert len(talk.all("response.created")) == 3
    assert talk.all("error") == []


@pytest.mark.parametrize("dialect", ["ga", "beta"])
async def test_manual_turns_wait_too(stage: Stage, dialect: str) -> None:
    headers = {"OpenAI-Beta": "realtime=v1"} if dialect == "beta" else {}
    manual = {"turn_detection": None} if dialect == "beta" else {"type": "realtime", "audio": {"input": {"turn_detection": None}}}
    async with stage.talk(f"manual {dialect}", GATE, **headers) as talk:
        await talk.say("session.update", session=manual)
        shown = (await talk.until("session.updated"))["session"]
        assert (shown if dialect == "beta" else shown["audio"]["input"])["turn_detection"] is None
        for number in range(3):
            await talk.voice("What is the weather like?")
            await talk.say("input_audio_buffer.commit")
            await talk.say("response.create", event_id=f"mine {number}")
            await talk.until("response.done" if number < 2 else "error")
        if talk.heard[-1]["error"]["event_id"] is None:
            await talk.until("error")
        await talk.ask()
    errors = [event["error"]["event_id"] for event in talk.all("error")]
    assert sorted(errors, key=str) == [None, "mine 2"]
    assert [event.get("event_id") for event in talk.sent("response.create")] == ["mine 0", "mine 1", None]
    assert gates(talk) == [("block", "blocked")]


async def test_sound_inside_an_item_is_refused(stage: Stage) -> None:
    async with stage.talk("item", GATE) as talk:
        item = {"type": "message", "role": "user", "content": [{"type": "input_audio", "audio": "AAAA"}]}
        await talk.say("conversation.item.create", event_id="e1", item=item)
        assert (await talk.until("error"))["error"]["event_id"] == "e1"
    assert talk.sent("conversation.item.create") == []


async def test_both_gates(stage: Stage) -> None:
    async with stage.talk("both", BOTH) as talk:
        await talk.voice("What is the weather like?")
        assert (await talk.done())["status"] == "completed"
    assert talk.shown.session["held"]["answers"] == 1
