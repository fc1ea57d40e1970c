"""Who comes to a call from the side, and what is done to calls that ring."""

from __future__ import annotations

import json
from typing import Any

import pytest
from calling import calling
from calling import over
from calling import post_json
from openai import AsyncOpenAI
from strict_ga import judge
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from simulator import Simulator

SESSION = {"type": "realtime", "model": "gpt-realtime-2", "instructions": "Be brief."}


def beside(sim: Simulator, call_id: str, key: str = "sk-any") -> connect:
    return connect(f"{sim.url}/v1/realtime?call_id={call_id}", proxy=None, additional_headers={"Authorization": f"Bearer {key}"})


async def until(socket: ClientConnection, kind: str) -> dict[str, Any]:
    while True:
        event: dict[str, Any] = json.loads(await socket.recv())
        judge(event)
        assert event["type"] != "response.output_audio.delta"
        if event["type"] == kind:
            return event


async def test_a_sideband_hears_and_steers_the_call():
    async with Simulator(pace=0) as sim, calling(sim) as caller:
        await caller.until("session.created")
        async with beside(sim, sim.calls[0].id) as socket:
            assert json.loads(await socket.recv())["type"] == "session.created"
            await socket.send(json.dumps({"type": "session.update", "session": {"type": "realtime", "instructions": "Be kind."}}))
            assert (await until(socket, "session.updated"))["session"]["instructions"] == "Be kind."
            assert (await caller.until("session.updated"))["session"]["instructions"] == "Be kind."
            caller.ask("Good morning")
            from_the_side = await until(socket, "response.done")
            assert from_the_side == await caller.until("response.done")
            await until(socket, "output_audio_buffer.started")
        caller.ask("Good morning again")
        await caller.until("response.done", 2)


async def test_a_sideband_may_come_before_the_caller_is_connected():
    async with Simulator(pace=0) as sim, calling(sim) as caller, beside(sim, sim.calls[0].id) as socket:
        assert json.loads(await socket.recv())["type"] == "session.created"
        await caller.until("session.created")
        caller.ask("Good morning")
        await until(socket, "response.done")
    assert caller.count("session.created") == 1


async def test_the_end_of_the_call_is_the_end_of_its_sidebands():
    async with Simulator() as sim, calling(sim) as caller:
        await caller.until("session.created")
        async with beside(sim, sim.calls[0].id) as socket:
            await caller.close()
            await socket.wait_closed()
        assert (socket.close_code, socket.close_reason) == (1000, "the call has ended")
        with pytest.raises(InvalidStatus) as refused:
            await beside(sim, sim.calls[0].id)
        assert refused.value.response.status_code == 404


async def test_a_sideband_wants_a_key_and_gets_webrtcfilter_off():
    path = "/v1/realtime/calls?model=m&webrtcfilter=on"
    async with Simulator(pace=0, require_key="right") as sim, calling(sim, path, key="right") as caller:
        with pytest.raises(InvalidStatus) as refused:
            await beside(sim, sim.calls[0].id, "wrong")
        assert refused.value.response.status_code == 401
        async with beside(sim, sim.calls[0].id, "right") as socket:
            await until(socket, "session.created")
            await over(sim.calls[0].connected)
            await socket.send(json.dumps({"type": "response.create"}))
            await until(socket, "response.done")
        await caller.until("output_audio_buffer.started")
        assert caller.count("response.done") == 0


async def test_sip_calls_by_the_client_of_openai():
    async with Simulator(pace=0) as sim, AsyncOpenAI(api_key="sk-any", base_url=sim.base_url, max_retries=0) as client:
        ringing = sim.ring()
        await client.realtime.calls.accept(ringing.id, type="realtime", model="gpt-realtime-2", instructions="Be brief.")
        assert ringing.call is not None
        async with client.realtime.connect(call_id=ringing.id) as connection:
            created = await connection.recv()
            assert created.type == "session.created"
            await connection.response.create()
            async for event in connection:
                if event.type == "response.done":
                    break
        await client.realtime.calls.refer(ringing.id, target_uri="tel:+15550100")
        await over(ringing.call.ended)
        assert (ringing.referred_to, ringing.call.reason) == ("tel:+15550100", "referred")
        turned_away, given_up = sim.ring(), sim.ring()
        await client.realtime.calls.reject(turned_away.id, status_code=486)
        await client.realtime.calls.hangup(given_up.id)
        assert (turned_away.rejected_with, given_up.hung_up.is_set()) == (486, True)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"type": "realtime"}, "model"),
        ({"model": "m"}, "type"),
        ({"type": "transcription"}, "type"),
        ({**SESSION, "voice": "ash"}, "voice"),
    ],
)
async def test_a_call_is_accepted_with_a_session_or_not_at_all(body: Any, param: str):
    async with Simulator() as sim:
        ringing = sim.ring()
        response = await post_json(sim, f"/v1/realtime/calls/{ringing.id}/accept", body)
        assert (response.status_code, response.json()["error"]["param"]) == (400, param)
        assert ringing.waits


async def test_what_does_not_ring_cannot_be_taken():
    async with Simulator() as sim:
        ringing = sim.ring()
        path = f"/v1/realtime/calls/{ringing.id}"
        assert (await post_json(sim, f"{path}/refer", {"target_uri": "tel:1"})).json()["error"]["code"] == "invalid_call_state"
        assert (await post_json(sim, f"{path}/reject", {})).status_code == 200
        assert ringing.rejected_with == 603
        assert (await post_json(sim, f"{path}/accept", SESSION)).json()["error"]["code"] == "invalid_call_state"
        for verb in ("accept", "reject", "refer", "hangup"):
            response = await post_json(sim, f"/v1/realtime/calls/rtc_none/{verb}", SESSION)
            assert (response.status_code, response.json()["error"]["code"]) == (404, "call_id_not_found")
