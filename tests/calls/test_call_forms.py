"""Every form in which a call can be offered, through the real program: the provider gets the same form, the client an answer that fits."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest
from phone import Phone
from proxying import KEY
from switchboard import FORM
from switchboard import UPSTREAM
from switchboard import Switchboard
from switchboard import form
from waiting import eventually

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.usefixtures("nothing_left")]

SESSION = json.dumps({"type": "realtime", "model": "gpt-realtime", "instructions": "Be brief."})

RAW = {
    "/v1/realtime/calls?model=gpt-realtime": "/v1/realtime/calls?model=gpt-realtime",
    "/openai/v1/realtime/calls?model=gpt-realtime": "/v1/realtime/calls?model=gpt-realtime",
    "/openai/realtime/calls?deployment=gpt-realtime": "/v1/realtime/calls?model=gpt-realtime",
    "/other/v1/realtime/calls?model=other/gpt-realtime": "/v1/realtime/calls?model=gpt-realtime",
    "/v1/realtime?model=gpt-realtime": "/v1/realtime/calls?model=gpt-realtime",
    "/api/v1/webrtc/realtime?model=qwen-omni": "/api/v1/webrtc/realtime?model=qwen-omni",
}


@pytest.mark.parametrize("path", RAW)
async def test_an_offer_as_it_is(board: Switchboard, path: str):
    async with board.call(path=path, model=None, name=f"raw {path}") as (phone, call):
        asked = board.simulator.requests[-1]
        assert (asked.target, asked.headers["Content-Type"]) == (RAW[path], "application/sdp")
        assert asked.headers["Authorization"] == f"Bearer {UPSTREAM}"
        assert asked.body.decode() != phone.peer.localDescription.sdp
        assert call.startswith("call_")
        phone.say({"type": "response.create", "response": {}})
        await phone.until("response.done")
        await phone.met(lambda: phone.heard > 20, "sound")
    record = await board.record(f"raw {path}")
    assert (record.close, len(record.turns), record.session["call"]["mode"]) == ((1000, "hung up", "client"), 1, "relay")
    assert record.session["media"]["client"]["packets"] > 0


@pytest.mark.parametrize("path", ["/v1/realtime/calls", "/v1/realtime"])
async def test_an_offer_in_a_form(board: Switchboard, path: str):
    phone = Phone()
    try:
        body = form(("session", SESSION), ("sdp", await phone.offer()))
        answer = await board.offer(body, path=path, model=None, Content_Type=FORM)
        assert (answer.status_code, answer.headers["content-type"]) == (201, "application/sdp")
        assert (answer.headers["x-content-type-options"], answer.headers["cache-control"]) == ("nosniff", "no-store")
        await phone.accept(answer.text)
        opened = (await phone.until("session.created"))["session"]
        assert (opened["model"], opened["instructions"]) == ("gpt-realtime", "Be brief.")
        assert board.simulator.requests[-1].headers["Content-Type"].startswith("multipart/form-data; boundary=")
    finally:
        await phone.close()


async def test_an_offer_of_the_live_api(board: Switchboard):
    phone = Phone()
    try:
        body = {"session": {"model": "gpt-live-1"}, "transport": {"type": "webrtc", "sdp": await phone.offer()}}
        answer = await board.post("/v1/live/sessions", body, baggage="session-id=live")
        assert (answer.status_code, answer.headers["content-type"]) == (201, "application/json")
        described = answer.json()
        assert described["session"]["id"] == board.simulator.calls[-1].id
        await phone.accept(described["transport"]["sdp"])
        await phone.met(lambda: phone.messages, "an event")
        asked = json.loads(board.simulator.requests[-1].body)
        assert (asked["session"], asked["transport"]["sdp"] != body["transport"]["sdp"]) == (body["session"], True)
    finally:
        await phone.close()
    record = (await board.record("live")).session
    assert (record["family"], record["model"], record["transport"], record["media"] is None) == ("live", "gpt-live-1", "webrtc", False)


async def minted(board: Switchboard, path: str, session: dict[str, Any]) -> str:
    answer = await board.post(path, {"session": session})
    assert answer.status_code == 200, answer.text
    found: str = answer.json()["value"]
    return found


async def test_a_call_that_translates(board: Switchboard):
    session = {"model": "gpt-realtime-translate", "audio": {"output": {"language": "fr"}}}
    key = await minted(board, "/v1/realtime/translations/client_secrets", session)
    async with board.call(path="/v1/realtime/translations/calls", model=None, key=key, name="translation") as (phone, _):
        assert board.simulator.requests[-1].target == "/v1/realtime/translations/calls"
        await phone.met(lambda: phone.heard > 10, "sound")
    record = (await board.record("translation")).session
    assert (record["family"], record["model"], record["call"]["mode"]) == ("translation", "gpt-realtime-translate", "relay")


async def test_a_call_with_a_key_that_was_made_here(board: Switchboard):
    """The provider knows nothing of the key: what it stands for goes along with the offer."""
    key = await minted(board, "/v1/realtime/client_secrets", {"type": "realtime", "model": "here/gpt-realtime", "instructions": "Be kind."})
    async with board.call(model=None, key=key, name="minted here") as (phone, _):
        opened = phone.of("session.created")[0]["session"]
        assert (opened["model"], opened["instructions"]) == ("gpt-realtime", "Be kind.")
        asked = board.simulator.requests[-1]
        assert (asked.headers["Authorization"], key in asked.body.decode()) == (f"Bearer {UPSTREAM}", False)
    assert (await board.record("minted here")).session["provider"] == "here"


async def test_offers_on_one_connection_that_is_closed_then(board: Switchboard):
    """A call has nothing to do any more with the connection on which it was offered."""
    phones = [Phone(), Phone()]
    try:
        async with httpx2.AsyncClient(trust_env=False, timeout=20) as http:
            for phone in phones:
                headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/sdp"}
                url = board.proxy.url("/v1/realtime/calls?model=gpt-realtime", "http")
                await phone.accept((await http.post(url, content=await phone.offer(), headers=headers)).text)
        for phone in phones:
            await phone.until("session.created")
            phone.ask("And now?")
            await phone.until("response.done")
    finally:
        for phone in phones:
            await phone.close()
    await eventually(board.idle)
