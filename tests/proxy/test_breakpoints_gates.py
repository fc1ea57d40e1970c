"""Breakpoints on routes with gates: what waits for its words and what is paused keep their order, and no edit gets past a gate."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from breakstage import CARD
from breakstage import GATE
from breakstage import HOLD
from breakstage import PLAIN
from breakstage import Stage
from breakstage import breaking
from breakstage import codes
from openai import AsyncOpenAI
from proxying import KEY
from recorded import named
from recorded import shown

from simulator.audio import speak

pytestmark = pytest.mark.asyncio(loop_scope="module")

WORDS = "response.output_audio_transcript.delta"
SOUND = "response.output_audio.delta"
MANUAL: dict[str, Any] = {"audio": {"input": {"turn_detection": None}}}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with breaking(tmp_path_factory.mktemp("breaking"), pace=0.05) as made:
        yield made


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"] for event in events]


@pytest.mark.parametrize(
    "kind", ["response.created", "response.output_audio_transcript.delta", "response.output_audio.done", "response.done"]
)
async def test_sound_that_is_held_keeps_its_order_around_a_pause(stage: Stage, kind: str) -> None:
    """As the provider sent it: words, sound and ends, whatever was paused among them."""
    name = f"held {kind}"
    async with stage.talk(name, HOLD) as talk:
        point = await stage.operator.stop_at(f"type={kind} session={talk.session}", once=True)
        await talk.text("What is the weather like?")
        asked = asyncio.create_task(talk.ask())
        found = await stage.operator.one(point)
        await stage.operator.resume(found["id"])
        done = await asked
    assert done["status"] == "completed"
    heard = kinds(talk.heard)
    assert (
        heard.index("response.created") < heard.index("response.output_audio_transcript.delta") < heard.index("response.output_audio.delta")
    )
    assert heard.index("response.output_audio.done") < heard.index("response.done")
    assert talk.shown.turns[0]["audio"]["out_seconds"] > 0
    assert talk.shown.session["held"]["answers"] == 1
    assert talk.shown.session["held"]["dropped"] == 0
    assert heard.count(SOUND) > 1
    assert codes(talk.findings) == [("hold", "paused"), ("release", "resumed")]


async def test_words_that_a_policy_holds_stay_in_their_order(stage: Stage) -> None:
    """A card number cut into pieces is redacted, also where a piece of it was paused."""
    async with stage.talk("held words", PLAIN) as talk:
        point = await stage.operator.stop_at(f"type={WORDS} session={talk.session} from=server")
        await talk.text("Is my card fine?")
        asked = asyncio.create_task(talk.ask())
        for number in range(3):
            found = (await stage.operator.paused(point))[0]
            await asyncio.sleep(0.4 * (not number))  # longer than words are held by the clock
            await stage.operator.resume(found["id"])
        await stage.operator.remove(point)
        await asked
    words = "".join(event["delta"] for event in talk.all(WORDS))
    assert words == "Your card [card] is fine. Is there more?"
    assert CARD not in json.dumps(talk.heard)


async def test_an_edited_request_is_answered_once(stage: Stage) -> None:
    async with stage.talk("edited request", GATE) as talk:
        await talk.update(**MANUAL)
        for number in range(2):
            point = await stage.operator.stop_at(f"type=response.create session={talk.session}", once=True)
            await talk.voice("What is the weather like?", quiet_ms=0)
            await talk.say("input_audio_buffer.commit")
            await talk.say("response.create")
            found = await stage.operator.one(point)
            edited = {"type": "response.create", "response": {"metadata": {"n": str(number)}}}
            await stage.operator.resume(found["id"], {"payload": json.dumps(edited)})
            assert (await talk.done())["status"] == "completed"
    assert [event["response"]["metadata"] for event in talk.sent("response.create")] == [{"n": "0"}, {"n": "1"}]
    assert [found["detail"]["code"] for found in talk.findings if found["kind"] == "gate"] == []


async def test_a_turn_whose_end_was_dropped_is_forgotten_by_the_gate(stage: Stage) -> None:
    async with stage.talk("dropped commit", GATE) as talk:
        await talk.update(**MANUAL)
        point = await stage.operator.stop_at(f"type=input_audio_buffer.commit session={talk.session}", once=True)
        await talk.voice("What is the weather like?", quiet_ms=0)
        await talk.say("input_audio_buffer.commit")
        await stage.operator.drop((await stage.operator.one(point))["id"])
        await talk.text("Hello")
        assert (await talk.ask())["status"] == "completed"
    assert len(talk.sent("response.create")) == 1


async def test_an_edit_cannot_make_the_provider_answer_by_itself(stage: Stage) -> None:
    vad = {"type": "server_vad", "create_response": True}
    async with stage.talk("past the gate", GATE) as talk:
        point = await stage.operator.stop_at(f"type=session.update session={talk.session}", once=True)
        await talk.say("session.update", session={"type": "realtime"})
        found = await stage.operator.one(point)
        edited = {"type": "session.update", "session": {"type": "realtime", "audio": {"input": {"turn_detection": vad}}}}
        await stage.operator.resume(found["id"], {"payload": json.dumps(edited)})
        await talk.until("session.updated")
    for update in talk.sent("session.update"):
        detection = update["session"].get("audio", {}).get("input", {}).get("turn_detection") or {}
        assert detection.get("create_response") is not True


async def test_sound_that_an_operator_makes_does_not_get_past_a_gate(stage: Stage) -> None:
    made = {"type": "response.output_audio.delta", "response_id": "r", "item_id": "i", "delta": b64encode(speak("hello")).decode()}
    async with stage.talk("made sound", HOLD) as talk:
        await stage.operator.inject(talk.session, "server", json.dumps(made))
        await stage.operator.inject(talk.session, "server", '{"type": "note.of.mine"}')
        await talk.until("note.of.mine")
    assert talk.all(SOUND) == []
    assert ("block", "unchecked") in [(found["action"], found["detail"]["code"]) for found in talk.findings if found["kind"] == "gate"]


async def test_sound_is_paused_in_sessions_that_open_later(stage: Stage) -> None:
    for path in (PLAIN, GATE):
        point = await stage.operator.stop_at("type=input_audio_buffer.append from=client", once=True)
        async with stage.talk(f"later {path}", path) as talk:
            await talk.voice("Hello", quiet_ms=0)
            found = await stage.operator.one(point)
            assert found["session"] == talk.session
            await stage.operator.resume(found["id"])


async def test_the_openai_package_waits_for_what_is_paused(stage: Stage) -> None:
    client = AsyncOpenAI(api_key=KEY, base_url=stage.proxy.base_url)
    async with client.realtime.connect(model="plain", extra_headers=named("openai")) as connection:
        await connection.recv()
        session = await stage.session("openai")
        point = await stage.operator.stop_at(f"type=conversation.item.create session={session} from=client", once=True)
        await connection.conversation.item.create(
            item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Good evening"}]}
        )
        await connection.response.create()
        found = await stage.operator.one(point)
        await stage.operator.resume(found["id"], {"payload": found["payload"].replace("Good evening", "Good morning")})
        async with asyncio.timeout(20):
            async for event in connection:
                if event.type == "response.done":
                    break
    turn = (await shown(stage.proxy.data, "openai")).turns[0]
    assert turn["input"] == "Good morning"
    assert turn["output"] == "I heard you say: Good morning"
