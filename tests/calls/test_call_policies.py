"""Policies on a call: the same words are redacted on its data channel, in both directions, and in what the call is configured with."""

from __future__ import annotations

import json
from typing import Any

import pytest
from phone import Phone
from reloading import reloaded
from switchboard import CALLS
from switchboard import FORM
from switchboard import MODEL
from switchboard import Switchboard
from switchboard import code_of
from switchboard import form

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.usefixtures("nothing_left")]

CARD = "4111 1111 1111 1111"
POLICIES = """policies:
  - {id: cards, when: {detect: [card]}, action: redact}
  - {id: tools, when: {from: client, at: "$.session.tools[*].name", not_in: [get_weather]}, action: block, message: not listed}
providers:
"""


async def test_what_is_said_in_a_call_is_redacted(board: Switchboard):
    async with board.call(name="policed call") as (phone, call):
        async with reloaded(board.proxy, "providers:\n", POLICIES):
            upstream = await board.other_side(call)
            said = json.dumps({"type": "session.update", "session": {"type": "realtime", "instructions": f"Say caf\u00e9 {CARD}!"}})
            phone.send(said)
            await phone.until("session.updated")
            phone.ask(f"Charge {CARD} now")
            response = (await phone.until("response.done"))["response"]
            phone.say({"type": "session.update", "event_id": "e5", "session": {"type": "realtime", "tools": [{"name": "wire_money"}]}})
            error = (await phone.until("error"))["error"]
            phone.say({"type": "input_audio_buffer.clear"})
            await phone.until("input_audio_buffer.cleared")
        assert upstream.messages[0] == said.replace(CARD, "[card]")
        assert not any("1111" in message for message in upstream.messages if isinstance(message, str))
        assert not any("wire_money" in message for message in upstream.messages if isinstance(message, str))
        assert (error["event_id"], error["message"]) == ("e5", "not listed (policy tools)")
        words = "".join(event["delta"] for event in phone.of("response.output_audio_transcript.delta"))
        assert words_of(response) == [words] == ["I heard you say: Charge [card] now"]
    record = await board.record("policed call")
    assert "1111" not in record.text
    assert record.said == ["I heard you say: Charge [card] now"]
    assert record.session["findings"] == {"policy": 3}


async def test_words_of_the_model_are_redacted_in_a_call(board: Switchboard):
    """They reach the provider before the policy is there, and come back when it is."""
    async with board.call(name="policed answer") as (phone, call):
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": f"Charge {CARD} now"}]}
        phone.say({"type": "conversation.item.create", "item": item})
        await phone.until("conversation.item.done")
        async with reloaded(board.proxy, "providers:\n", POLICIES):
            phone.say({"type": "response.create"})
            response = (await phone.until("response.done"))["response"]
        words = "".join(event["delta"] for event in phone.of("response.output_audio_transcript.delta"))
        assert words_of(response) == [words] == ["I heard you say: Charge [card] now"]
        assert CARD in str((await board.other_side(call)).messages)
    assert (await board.record("policed answer")).said == ["I heard you say: Charge [card] now"]


def words_of(response: dict[str, Any]) -> list[str]:
    return [part["transcript"] for item in response["output"] for part in item["content"]]


@pytest.mark.parametrize("mode", ["relay", "sideband"])
async def test_what_an_offer_configures_is_judged_as_what_is_said_in_the_call(board: Switchboard, mode: str):
    model = {"relay": MODEL, "sideband": f"aside-{MODEL}"}[mode]
    async with reloaded(board.proxy, "providers:\n", POLICIES):
        phone = Phone()
        session = {"type": "realtime", "model": model, "instructions": f"The card is {CARD}."}
        body = form(("sdp", await phone.offer()), ("session", json.dumps(session)))
        answer = await board.offer(body, model=None, name=f"policed offer {mode}", Content_Type=FORM)
        assert answer.status_code == 201, answer.text
        try:
            await phone.accept(answer.text)
            await phone.until("session.created")
            asked = board.simulator.requests[-1]
            assert CARD.encode() not in asked.body
            assert b"The card is [card]." in asked.body
        finally:
            await phone.close()
        phone = Phone()
        listed = {**session, "tools": [{"type": "function", "name": "wire_money"}]}
        before = len(board.simulator.requests)
        try:
            answer = await board.offer(form(("sdp", await phone.offer()), ("session", json.dumps(listed))), model=None, Content_Type=FORM)
        finally:
            await phone.close()
        assert (answer.status_code, code_of(answer)) == (403, "policy_violation")
        assert answer.json()["error"]["message"] == "not listed (policy tools)"
        assert len(board.simulator.requests) == before
    assert (await board.record(f"policed offer {mode}")).session["findings"]["policy"] >= 1


async def test_what_an_accepted_call_is_configured_with_is_judged_too(board: Switchboard):
    async with reloaded(board.proxy, "providers:\n", POLICIES):
        ringing = board.simulator.ring()
        session = {"type": "realtime", "model": MODEL, "instructions": f"The card is {CARD}."}
        listed = {**session, "tools": [{"type": "function", "name": "wire_money"}]}
        refused = await board.post(f"{CALLS}/{ringing.id}/accept", listed)
        assert (refused.status_code, code_of(refused)) == (403, "policy_violation")
        assert (await board.post(f"{CALLS}/{ringing.id}/accept", session)).status_code == 200
        assert json.loads(board.simulator.requests[-1].body)["instructions"] == "The card is [card]."
        assert (await board.post(f"{CALLS}/{ringing.id}/hangup")).status_code == 200
