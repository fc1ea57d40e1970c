"""Tools and instructions of calls: in the offer, on the data channel, and from both ends of a call."""

from __future__ import annotations

import json
from typing import Any

import pytest
from phone import Phone
from proxying import KEY
from recorded import named
from reloading import reloaded
from switchboard import CALLS
from switchboard import FORM
from switchboard import Switchboard
from switchboard import code_of
from switchboard import form

from store.reader import LogReader

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.usefixtures("nothing_left")]

ROUTE = '{name: calls, match: {door: gateway, model: "gpt-*"}, provider: openai'
TOOLS = f"{ROUTE}, tools: [lookup_order, mcp:crm]"
FIXED = f"{ROUTE}, changes: {{instructions: block}}"
GA = "/v1/realtime/client_secrets"


def tool(name: str) -> dict[str, Any]:
    return {"type": "function", "name": name, "description": "Looks.", "parameters": {"type": "object"}}


def session(**fields: Any) -> str:
    return json.dumps({"type": "realtime", "model": "gpt-realtime", **fields})


def changes(board: Switchboard, record: Any) -> list[tuple[str, str, str | None]]:
    found = LogReader(board.proxy.data).findings(session_id=record.session["id"], kind="change", limit=None, order="asc")
    return [(one["action"], one["detail"]["code"], one["event_type"]) for one in found]


async def offered(board: Switchboard, text: str, *, key: str = KEY, name: str = "") -> Any:
    phone = Phone()
    answer = await board.offer(form(("sdp", await phone.offer()), ("session", text)), model=None, key=key, name=name, Content_Type=FORM)
    return phone, answer


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (session(tools=[tool("wire_money")]), "tool_not_allowed"),
        (session(tool_choice={"type": "function", "name": "wire_money"}), "tool_not_allowed"),
        (session(tools=[{"type": "mcp", "server_label": "files", "server_url": "https://x.example/"}]), "tool_not_allowed"),
        ('{"type":"realtime","model":"gpt-realtime","t\\u006fols":[{"name":"wire_money"}]}', "tool_not_allowed"),
        ('{"type":"realtime","model":"gpt-realtime","tools":[],"tools":[{"name":"wire_money"}]}', "ambiguous_event"),
    ],
)
async def test_an_offer_with_an_unlisted_tool(board: Switchboard, text: str, code: str):
    async with reloaded(board.proxy, ROUTE, TOOLS):
        before = len(board.simulator.requests)
        phone, answer = await offered(board, text)
        await phone.close()
    assert (answer.status_code, code_of(answer)) == (403 if code == "tool_not_allowed" else 400, code)
    assert len(board.simulator.requests) == before


async def test_a_telephone_call_is_accepted_with_listed_tools_alone(board: Switchboard):
    async with reloaded(board.proxy, ROUTE, TOOLS):
        ringing, asked = board.simulator.ring(), len(board.simulator.requests)
        refused = await board.post(f"{CALLS}/{ringing.id}/accept", json.loads(session(tools=[tool("wire_money")])))
        assert (refused.status_code, code_of(refused)) == (403, "tool_not_allowed")
        assert (len(board.simulator.requests), ringing.waits) == (asked, True)
        body = json.loads(session(tools=[tool("lookup_order")], instructions="Be kind."))
        assert (await board.post(f"{CALLS}/{ringing.id}/accept", body)).status_code == 200
        async with board.proxy.connect(f"/v1/realtime?call_id={ringing.id}", headers=named("accepted")) as socket:
            await socket.send(f'{{"type":"session.update","session":{session(instructions="Be rude.")}}}')
            while json.loads(await socket.recv())["type"] != "session.updated":
                pass
        assert (await board.post(f"{CALLS}/{ringing.id}/hangup")).status_code == 200
    assert changes(board, await board.record("accepted")) == [("alert", "instructions_changed", "session.update")]


async def test_a_listed_tool_is_offered_and_another_one_refused_on_the_channel(board: Switchboard):
    async with reloaded(board.proxy, ROUTE, TOOLS):
        phone, answer = await offered(board, session(tools=[tool("lookup_order")], instructions="Be kind."), name="listed call")
        await phone.accept(answer.text)
        await phone.until("session.created")
    phone.say({"type": "session.update", "event_id": "e3", "session": {"type": "realtime", "tools": [tool("wire_money")]}})
    error = (await phone.until("error"))["error"]
    assert (error["code"], error["event_id"]) == ("tool_not_allowed", "e3")
    phone.say({"type": "session.update", "session": {"type": "realtime", "instructions": "Be rude."}})
    await phone.until("session.updated")
    await phone.close()
    record = await board.record("listed call")
    assert changes(board, record) == [("alert", "instructions_changed", "session.update")]


async def test_a_page_that_changes_what_it_was_minted_with(board: Switchboard):
    minted = await board.post(GA, {"session": json.loads(session(instructions="Be kind."))})
    page = minted.json()["value"]
    phone, answer = await offered(board, session(instructions="Be rude."), key=page, name="changed offer")
    await phone.accept(answer.text)
    await phone.until("session.created")
    await phone.close()
    record = await board.record("changed offer")
    assert changes(board, record) == [("alert", "instructions_changed", None)]
    async with reloaded(board.proxy, ROUTE, FIXED):
        phone, answer = await offered(board, session(instructions="Be rude."), key=page)
        await phone.close()
        assert (answer.status_code, code_of(answer)) == (403, "change_not_allowed")


async def test_what_the_app_sets_from_aside_is_asked_for(board: Switchboard):
    """The page hears of instructions that it did not send; the app did, on a socket of its own to the same call."""
    async with board.call(name="from aside") as (phone, call), board.proxy.connect(f"/v1/realtime?call_id={call}") as socket:
        await socket.send(f'{{"type":"session.update","session":{session(instructions="Be kind.")}}}')
        await phone.until("session.updated")
        phone.say({"type": "session.update", "session": {"type": "realtime", "instructions": "Be rude."}})
        await phone.until("session.updated")
    record = await board.record("from aside")
    assert changes(board, record) == [("alert", "instructions_changed", "session.update")]
    assert not [one for one in LogReader(board.proxy.data).findings(kind="change", limit=None) if one["direction"] == "server"]
