"""Gates in relayed calls: sound waits in the media worker for its words, and is silent where they were stopped or changed."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from phone import Phone
from reloading import reloaded
from switchboard import Switchboard
from waiting import eventually

from simulator.audio import silence
from simulator.audio import speak
from simulator.webcall import WebCall

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.usefixtures("nothing_left")]

CARD = "4111 1111 1111 1111"
GATED = """policies:
  - {id: cards, when: {from: server, detect: [card]}, action: redact}
  - {id: keeper, when: {text: [model_transcript], regex: lighthouse}, action: block}
routes:
  - {name: held, match: {door: gateway, model: "held-*"}, provider: openai, model: gpt-realtime, hold: transcript, gate: transcript}
"""


@asynccontextmanager
async def held(board: Switchboard, name: str) -> AsyncIterator[tuple[Phone, str]]:
    async with reloaded(board.proxy, "routes:\n", GATED), board.call(name=name, model="held-1") as made:
        yield made


def heard(phone: Phone) -> float:
    """Seconds of sound that the phone heard; its frames are 20 ms."""
    return phone.loud * 0.02


async def test_sound_of_a_held_call_is_late_and_whole(board: Switchboard):
    async with held(board, "held call") as (phone, call):
        upstream = await board.other_side(call)
        phone.ask("Good morning to you")
        await phone.until("output_audio_buffer.stopped")
        spoken = upstream.spoken_seconds
        await phone.met(lambda: heard(phone) > 0.8 * spoken, f"sound, of {spoken:.1f} s")
    record = await board.record("held call")
    assert record.session["held"]["answers"] == 1
    assert 0 <= record.session["held"]["first_ms"]["max"] <= record.session["held"]["longest_ms"]
    assert record.session["findings"] == {}


async def test_sound_of_blocked_words_is_not_heard(board: Switchboard):
    """The provider plays all of it, having been done before it could be told; the next answer is heard again."""
    async with held(board, "held blocked") as (phone, call):
        upstream = await board.other_side(call)
        phone.ask("The lighthouse stands on a hill")
        assert (await phone.until("error"))["error"]["code"] == "policy_violation"
        await played(phone, upstream)
        assert heard(phone) == 0
        phone.ask("Good morning to you")
        await phone.met(lambda: heard(phone) > 0.8 * 1.5, "the next answer")
    record = await board.record("held blocked")
    assert record.session["findings"] == {"policy": 1, "gate": 1}


async def test_sound_of_redacted_words_is_not_heard(board: Switchboard):
    async with held(board, "held redacted") as (phone, call):
        upstream = await board.other_side(call)
        phone.ask(f"Charge {CARD} now")
        assert (await phone.until("response.done"))["response"]["status"] == "completed"
        await played(phone, upstream)
        assert heard(phone) == 0
    record = await board.record("held redacted")
    assert record.session["findings"] == {"policy": 2, "gate": 1}


async def test_a_call_answers_what_was_checked(board: Switchboard):
    """The gate asks in the place of the provider, also over the data channel."""
    async with held(board, "gated call") as (phone, call):
        upstream = await board.other_side(call)
        phone.say({"type": "input_audio_buffer.append", "audio": b64encode(speak("Hello there") + silence(800)).decode()})
        assert (await phone.until("response.done"))["response"]["status"] == "completed"
        sent = [event for event in map(json.loads, upstream.messages) if str(event.get("event_id", "")).startswith("vt_gate_")]
        assert [event["type"] for event in sent] == ["session.update", "response.create"]
        assert not any("vt_gate_" in json.dumps(event) for event in phone.events)


async def played(phone: Phone, upstream: WebCall) -> None:
    """The provider has played its answer, and what of it could still come has come."""
    await eventually(lambda: upstream.spoken_seconds > 1)
    spoken = -1.0
    while upstream.spoken_seconds > spoken:
        spoken, frames = upstream.spoken_seconds, phone.heard
        await phone.met(lambda before=frames: phone.heard > before + 25, "half a second more")
