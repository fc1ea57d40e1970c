"""Breakpoints on a relayed call: its events are paused, changed and made like those of any socket, while its sound goes on."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from operating import Operator
from switchboard import Switchboard
from waiting import eventually

from store.reader import LogReader

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.usefixtures("nothing_left")]


@pytest_asyncio.fixture(loop_scope="session")
async def operator(board: Switchboard) -> AsyncIterator[Operator]:
    made = Operator(board.proxy)
    yield made
    await made.http.aclose()


def session_of(board: Switchboard, name: str) -> str:
    return next(str(one["id"]) for one in LogReader(board.proxy.data).sessions() if one["grouping"] == name)


async def test_what_is_said_in_a_call_is_paused_and_changed(board: Switchboard, operator: Operator):
    async with board.call(name="paused call") as (phone, call):
        upstream = await board.other_side(call)
        session = session_of(board, "paused call")
        point = await operator.stop_at(f"type=conversation.item.create session={session} from=client", once=True)
        phone.ask("Good evening")
        found = await operator.one(point)
        assert upstream.messages == []
        before = phone.heard
        await eventually(lambda: phone.heard > before)
        await operator.resume(found["id"], {"payload": found["payload"].replace("Good evening", "Good morning")})
        await phone.until("response.done")
        await operator.inject(session, "server", '{"type": "note.of.mine"}')
        await phone.until("note.of.mine")
    item = next(event for event in map(json.loads, upstream.messages) if event["type"] == "conversation.item.create")
    assert item["item"]["content"][0]["text"] == "Good morning"
    assert (await board.record("paused call")).said == ["I heard you say: Good morning"]


async def test_a_call_that_is_hung_up_lets_go_what_is_paused(board: Switchboard, operator: Operator):
    async with board.call(name="hung up") as (phone, _):
        point = await operator.stop_at(f"type=session.update session={session_of(board, 'hung up')}", once=True)
        phone.say({"type": "session.update", "session": {"type": "realtime", "instructions": "Be kind."}})
        await operator.one(point)
    record = await board.record("hung up")
    assert record.close == (1000, "hung up", "client")
    findings = LogReader(board.proxy.data).findings(session_id=record.session["id"], limit=None, order="asc")
    assert [found["detail"]["code"] for found in findings] == ["paused", "session_ended"]
