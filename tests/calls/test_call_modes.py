"""How much of a call comes through here: all of it, its events, or only that there was one; and who else may look on."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from phone import Phone
from proxying import OTHER_KEY
from proxying import close_of
from recorded import named
from reloading import reloaded
from switchboard import CALLS
from switchboard import UPSTREAM
from switchboard import Switchboard
from waiting import eventually
from websockets.asyncio.client import ClientConnection

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.usefixtures("nothing_left")]


@asynccontextmanager
async def looking_on(board: Switchboard, call: str, name: str) -> AsyncIterator[ClientConnection]:
    """A socket of the client's on its own call."""
    async with board.proxy.connect(f"/v1/realtime?call_id={call}", headers=named(name)) as socket:
        yield socket


async def heard(socket: ClientConnection, kind: str) -> dict[str, Any]:
    async for message in socket:
        event: dict[str, Any] = json.loads(message)
        if event["type"] == kind:
            return event
    raise AssertionError(f"{kind} did not come")


async def live(board: Switchboard, name: str) -> dict[str, Any]:
    """The session of this name, once it is open."""

    async def found() -> dict[str, Any] | None:
        return next((row for row in await board.live() if row["grouping"] == name), None)

    row: dict[str, Any] = await eventually(found)
    return row


async def test_an_attended_call_is_recorded_though_its_sound_goes_elsewhere(board: Switchboard):
    before = await board.metric("voicetap_sidecar_calls_offered_total")
    async with board.call(model="aside-1", name="aside") as (phone, call):
        offer = board.simulator.requests[-1]
        assert offer.body.decode() == phone.peer.localDescription.sdp, "as the client made it"
        session = await live(board, "aside")
        assert session["call"] == {"id": call, "upstream_id": board.simulator.calls[-1].id, "mode": "sideband"}
        sideband = board.simulator.connections[-1]
        assert (sideband.query, sideband.headers["Authorization"]) == ({"call_id": session["call"]["upstream_id"]}, f"Bearer {UPSTREAM}")
        phone.ask("Tell me a story.")
        await phone.until("response.done")
    record = await board.record("aside")
    assert record.close == (1000, "the call has ended", "upstream")
    assert [(turn["status"], bool(turn["output"])) for turn in record.turns] == [("completed", True)]
    assert record.session["usage"]["total_tokens"] == record.turns[0]["usage"]["total_tokens"] > 0
    assert (record.session["transport"], record.session["media"]) == ("webrtc", None)
    assert await board.metric("voicetap_sidecar_calls_offered_total") == before


async def test_what_two_sockets_of_a_call_see_is_billed_once(board: Switchboard):
    for model in ("aside-1", "gpt-realtime"):
        async with board.call(model=model, name=f"call {model}") as (phone, call):
            await live(board, f"call {model}")
            async with looking_on(board, call, f"socket {model}") as socket:
                assert (await heard(socket, "session.created"))["session"]["model"] == model
                phone.ask("Tell me a story.")
                done = await heard(socket, "response.done")
                await phone.until("response.done")
        both = [await board.record(f"{way} {model}") for way in ("call", "socket")]
        assert [record.session["call"]["id"] for record in both] == [call, call]
        assert [len(record.turns) for record in both] == [1, 1]
        billed = [record.session["usage"]["total_tokens"] for record in both]
        assert sorted(billed) == [0, done["response"]["usage"]["total_tokens"]]
        assert [record.session["transport"] for record in both] == ["webrtc", "websocket"]


async def test_who_looks_on_may_take_part(board: Switchboard):
    async with board.call(name="host") as (phone, call), looking_on(board, call, "guest") as socket:
        await socket.send('{"type":"session.update","session":{"type":"realtime","instructions":"Be brief."}}')
        assert (await phone.until("session.updated"))["session"]["instructions"] == "Be brief."
        await socket.send('{"type":"response.create"}')
        await phone.until("response.done")
        await board.post(f"{CALLS}/{call}/hangup")
        await phone.over()
        assert await close_of(socket) == (1000, "the call has ended")
    assert [len((await board.record(name)).turns) for name in ("host", "guest")] == [1, 1]


async def test_the_end_of_who_looks_on_is_not_the_calls(board: Switchboard):
    async with board.call(name="stays") as (phone, call):
        async with looking_on(board, call, "leaves"):
            await board.kill((await live(board, "leaves"))["id"])
            await board.record("leaves")
        phone.ask("Are you there?")
        await phone.until("response.done")
        assert (await board.post(f"{CALLS}/{call}/hangup")).status_code == 200
    assert (await board.record("stays")).close == (1000, "hung up", "client")


async def test_an_attended_call_that_is_killed_is_hung_up_at_the_provider(board: Switchboard):
    async with board.call(model="aside-1", name="cut") as (phone, _):
        await board.kill((await live(board, "cut"))["id"])
        await phone.over()
        assert board.simulator.calls[-1].reason == "hung up by request"
        asked = board.simulator.requests[-1]
        assert (asked.path.rpartition("/")[2], asked.headers["Authorization"]) == ("hangup", f"Bearer {UPSTREAM}")
    assert (await board.record("cut")).close == (1008, "ended by the operator", "proxy")


async def test_an_attended_call_is_hung_up_by_its_id(board: Switchboard):
    async with board.call(model="aside-1", name="aside by id") as (phone, call):
        await live(board, "aside by id")
        assert (await board.post(f"{CALLS}/{call}/hangup")).status_code == 200
        await phone.over()
        assert (await board.post(f"{CALLS}/{call}/hangup")).status_code == 404
    assert (await board.record("aside by id")).close == (1000, "hung up", "proxy")


async def test_an_attended_call_whose_events_cannot_be_had_goes_on(board: Switchboard, monkeypatch: pytest.MonkeyPatch):
    """Its client can still hang it up."""
    phone = Phone()
    try:
        with monkeypatch.context() as patch:
            patch.setattr(board.simulator._calls, "find", lambda _: None)
            call = await board.dial(phone, model="aside-1", name="unseen")
            record = await board.record("unseen")
        assert record.close == (1006, "no session: the provider answered 404", "upstream")
        await phone.until("session.created")
        phone.ask("Are you there?")
        await phone.until("response.done")
        assert (await board.post(f"{CALLS}/{call}/hangup")).status_code == 200
        await phone.over()
    finally:
        await phone.close()


async def test_a_signalled_call_leaves_a_record_and_can_be_controlled(board: Switchboard):
    async with board.call(model="brief-1", name="signal") as (phone, call):
        record = await board.record("signal")
        assert record.close == (1000, "signal: the call goes on without this proxy", "proxy")
        assert (record.session["call"]["mode"], record.session["cost"]["priced"], record.turns) == ("signal", False, [])
        async with looking_on(board, call, "signal looked on") as socket:
            phone.ask("Are you there?")
            done = await heard(socket, "response.done")
        assert (await board.post(f"{CALLS}/{call}/hangup")).status_code == 200
        await phone.over()
    seen = await board.record("signal looked on")
    assert seen.session["usage"]["total_tokens"] == done["response"]["usage"]["total_tokens"]
    assert seen.session["call"] == {**record.session["call"], "mode": "sideband"}


async def test_a_route_that_changes_changes_the_next_call(board: Switchboard):
    async with board.call(name="old way") as (phone, _):
        usual = 'name: calls, match: {door: gateway, model: "gpt-*"}, provider: openai'
        async with reloaded(board.proxy, usual, f"{usual}, webrtc: sideband"), board.call(name="new way") as (other, _):
            assert [(await live(board, name))["call"]["mode"] for name in ("old way", "new way")] == ["relay", "sideband"]
            phone.ask("Are you there?")
            await phone.until("response.done")
            other.ask("Are you there?")
            await other.until("response.done")
    assert [len((await board.record(name)).turns) for name in ("old way", "new way")] == [1, 1]
    assert ((await board.record("old way")).session["media"] is None, (await board.record("new way")).session["media"]) == (False, None)


async def test_a_key_that_may_not_use_the_model_any_more_can_hang_up(board: Switchboard):
    usual = 'models: ["gpt-realtime", "whisper-1"'
    narrower = 'models: ["whisper-1"'
    async with board.call(name="narrowed", key=OTHER_KEY) as (phone, call), reloaded(board.proxy, usual, narrower):
        await phone.over()
        answer = await board.post(f"{CALLS}/{call}/hangup", key=OTHER_KEY)
        assert answer.status_code in (200, 404), "the call has just ended by itself"
    assert (await board.record("narrowed")).close[0] == 1008
