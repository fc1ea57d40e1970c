"""Calls that ring at the provider (SIP): accepted, turned away and passed on through here, by keys that may."""

from __future__ import annotations

import json
from http import HTTPStatus

import pytest
from proxying import KEY
from proxying import OTHER_KEY
from recorded import named
from reloading import reloaded
from switchboard import UPSTREAM
from switchboard import Switchboard
from switchboard import code_of
from waiting import eventually
from websockets.exceptions import InvalidStatus
from websockets.http11 import Response

from simulator.refusal import answer as answer_of_the_desk

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.usefixtures("nothing_left")]

CALLS = "/openai/v1/realtime/calls"
SESSION = {"type": "realtime", "model": "gpt-realtime", "instructions": "Answer the phone."}


async def test_a_call_is_accepted_attended_and_hung_up(board: Switchboard):
    ringing = board.simulator.ring()
    answer = await board.post(f"{CALLS}/{ringing.id}/accept", SESSION)
    assert (answer.status_code, answer.content) == (200, b"")
    asked = board.simulator.requests[-1]
    assert (json.loads(asked.body), asked.headers["Authorization"]) == (SESSION, f"Bearer {UPSTREAM}")
    assert KEY not in str(list(asked.headers.raw_items()))
    async with board.proxy.connect(f"/v1/realtime?call_id={ringing.id}", headers=named("telephone")) as socket:
        opened = json.loads(await socket.recv())["session"]
        assert (opened["model"], opened["instructions"]) == ("gpt-realtime", "Answer the phone.")
        await socket.send('{"type":"response.create"}')
        async for message in socket:
            if json.loads(message)["type"] == "response.done":
                break
        assert (await board.post(f"{CALLS}/{ringing.id}/hangup")).status_code == 200
    record = await board.record("telephone")
    assert (record.session["model"], len(record.turns), record.session["cost"]["priced"]) == ("gpt-realtime", 1, True)
    assert record.session["call"] == {"id": ringing.id, "upstream_id": ringing.id, "mode": "sideband"}
    assert ringing.call is not None
    assert ringing.call.reason == "hung up by request"


async def test_an_accepted_call_belongs_to_the_key_that_accepted_it(board: Switchboard):
    ringing = board.simulator.ring()
    assert (await board.post(f"{CALLS}/{ringing.id}/accept", SESSION)).status_code == 200
    asked = len(board.simulator.requests)
    for control in ("hangup", "refer", "accept"):
        answer = await board.post(f"{CALLS}/{ringing.id}/{control}", SESSION, key=OTHER_KEY)
        assert (answer.status_code, code_of(answer)) == (404, "unknown_call")
    with pytest.raises(InvalidStatus) as refusal:
        async with board.proxy.connect(f"/v1/realtime?call_id={ringing.id}", key=OTHER_KEY):
            pass
    assert refusal.value.response.status_code == 404
    assert len(board.simulator.requests) == asked
    assert (await board.post(f"{CALLS}/{ringing.id}/hangup")).status_code == 200


async def test_a_call_is_turned_away_or_passed_on(board: Switchboard):
    ringing = board.simulator.ring()
    assert (await board.post(f"{CALLS}/{ringing.id}/reject", {"status_code": 486})).status_code == 200
    assert ringing.rejected_with == 486
    other = board.simulator.ring()
    assert (await board.post(f"{CALLS}/{other.id}/accept", SESSION)).status_code == 200
    assert (await board.post(f"{CALLS}/{other.id}/refer", {"target_uri": "tel:+14155550123"})).status_code == 200
    assert other.referred_to == "tel:+14155550123"
    third = board.simulator.ring()
    assert (await board.post(f"{CALLS}/{third.id}/hangup")).status_code == 200
    assert third.hung_up.is_set()


async def test_what_the_provider_does_not_want_is_told(board: Switchboard):
    ringing = board.simulator.ring()
    answer = await board.post(f"{CALLS}/{ringing.id}/refer", {"target_uri": "tel:+1"})
    assert (answer.status_code, code_of(answer)) == (400, "invalid_call_state")
    answer = await board.post(f"{CALLS}/{ringing.id}/refer", {})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "target_uri")
    answer = await board.post(f"{CALLS}/rtc_unknown/accept", SESSION)
    assert (answer.status_code, code_of(answer)) == (404, "call_id_not_found")
    assert (await board.post(f"{CALLS}/{ringing.id}/accept", SESSION)).status_code == 200
    answer = await board.post(f"{CALLS}/{ringing.id}/accept", SESSION)
    assert (answer.status_code, code_of(answer)) == (400, "invalid_call_state")
    assert (await board.post(f"{CALLS}/{ringing.id}/hangup")).status_code == 200


FORBIDDEN = {
    "the model": ({**SESSION, "model": "gpt-4o-realtime"}, 403, "model_not_allowed"),
    "the transcription": (
        {**SESSION, "audio": {"input": {"transcription": {"model": "gpt-4o-transcribe"}}}},
        403,
        "model_not_allowed",
    ),
    "no model": ({"type": "realtime"}, 403, "model_not_allowed"),
    "a model twice": (b'{"type":"realtime","model":"gpt-4o-realtime","model":"gpt-realtime"}', 400, "ambiguous_event"),
    "no JSON": (b"{", 400, "bad_session"),
    "no object": (b"[]", 400, "bad_session"),
    "another encoding": (json.dumps(SESSION).encode("utf-16"), 400, "bad_session"),
}


@pytest.mark.parametrize("what", FORBIDDEN)
async def test_a_call_that_a_key_may_not_accept(board: Switchboard, what: str):
    body, status, code = FORBIDDEN[what]
    ringing, asked = board.simulator.ring(), len(board.simulator.requests)
    answer = await board.post(f"{CALLS}/{ringing.id}/accept", body, key=OTHER_KEY)
    assert (answer.status_code, code_of(answer)) == (status, code)
    assert (len(board.simulator.requests), ringing.waits) == (asked, True)


async def test_a_narrow_key_accepts_what_it_may_use(board: Switchboard):
    ringing = board.simulator.ring()
    transcribed = {**SESSION, "audio": {"input": {"transcription": {"model": "whisper-1"}}}}
    assert (await board.post(f"{CALLS}/{ringing.id}/accept", transcribed, key=OTHER_KEY)).status_code == 200
    assert json.loads(board.simulator.requests[-1].body) == transcribed
    assert (await board.post(f"{CALLS}/{ringing.id}/hangup", key=OTHER_KEY)).status_code == 200
    await eventually(lambda: ringing.call is not None and ringing.call.reason)


async def test_an_ephemeral_key_takes_no_telephone_calls(board: Switchboard):
    answer = await board.post("/v1/realtime/client_secrets", {"session": {"type": "realtime", "model": "gpt-realtime"}})
    ringing = board.simulator.ring()
    for control in ("accept", "reject", "refer", "hangup"):
        refused = await board.post(f"{CALLS}/{ringing.id}/{control}", SESSION, key=answer.json()["value"])
        assert (refused.status_code, code_of(refused)) == (404, "unknown_call")
    assert ringing.waits


@pytest.mark.parametrize("control", ["hangup", "accept", "reject", "refer"])
async def test_a_provider_that_does_not_answer(board: Switchboard, control: str):
    """Neither at all nor in time."""
    answer = await board.post(f"/dead/v1/realtime/calls/rtc_1/{control}", {**SESSION, "model": "dead/gpt-realtime"})
    assert (answer.status_code, code_of(answer)) == (502, "upstream_unreachable")


async def test_a_provider_that_takes_too_long(board: Switchboard, monkeypatch: pytest.MonkeyPatch):
    async def nothing(*_: object) -> Response:
        await board.simulator._stopping.wait()
        return answer_of_the_desk(HTTPStatus.OK, b"")

    monkeypatch.setattr(board.simulator._desk, "respond", nothing)
    async with reloaded(board.proxy, "handshake: 10s", "handshake: 2s"):
        answer = await board.post(f"{CALLS}/rtc_1/hangup")
    assert (answer.status_code, code_of(answer)) == (504, "upstream_timeout")
