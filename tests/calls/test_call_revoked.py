"""A key is revoked in the middle of calls, on the command line: however much of a call comes through here, it ends at the provider."""

from __future__ import annotations

import pytest
from switchboard import CALLS
from switchboard import MODEL
from switchboard import Switchboard
from waiting import eventually

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.usefixtures("nothing_left")]


@pytest.mark.parametrize(("mode", "model"), [("relay", MODEL), ("sideband", f"aside-{MODEL}"), ("signal", f"brief-{MODEL}")])
async def test_a_revoked_key_ends_its_calls(board: Switchboard, mode: str, model: str):
    made = board.cli("keys", "new", f"for-{mode}")
    async with board.call(name=f"revoked {mode}", key=made["key"], model=model) as (phone, call):
        if mode == "sideband":
            await eventually(lambda: len(board.sessions(f"revoked {mode}")) == 1)
        phone.ask("Hello?")
        await phone.until("response.done")
        board.run("keys", "revoke", f"for-{mode}")
        await phone.over()
        assert (await board.post(f"{CALLS}/{call}/hangup", key=made["key"])).status_code == 401
    await eventually(lambda: all(seen.ended for seen in board.simulator.calls))
    [found] = await eventually(lambda: board.cli("findings", "kind=revocation", f"key=for-{mode}"))
    assert found["action"] == "close"
    assert "key revoked" in found["detail"]["reason"]


async def test_a_call_that_goes_on_elsewhere_is_hung_up_by_hand(board: Switchboard):
    made, model = board.cli("keys", "new", "by-hand"), f"brief-{MODEL}"
    async with board.call(name="hand one", key=made["key"], model=model) as (one, _):
        [session] = await eventually(lambda: board.sessions("hand one"))
        assert board.cli("kill", session["id"])["killed"] == [session["id"]]
        await one.over()
    async with board.call(name="hand all", key=made["key"], model=model) as (every, _):
        [session] = await eventually(lambda: board.sessions("hand all"))
        assert board.cli("kill", "--key", "by-hand")["killed"] == [session["id"]]
        await every.over()
    assert board.cli("kill", "--key", "by-hand")["killed"] == []
    found = await eventually(lambda: len(rows := board.cli("findings", "kind=revocation", "key=by-hand")) == 2 and rows)
    assert {row["action"] for row in found} == {"kill"}


async def test_a_key_that_works_leaves_a_signalled_call_alone(board: Switchboard):
    other = board.cli("keys", "new", "somebody-else")
    async with board.call(name="left alone", model=f"brief-{MODEL}") as (phone, call):
        board.run("keys", "revoke", "somebody-else")
        await eventually(lambda: any(row["state"] == "revoked" and row["id"] == "somebody-else" for row in board.cli("keys", "list")))
        phone.ask("Hello?")
        await phone.until("response.done")
        assert (await board.post(f"{CALLS}/{call}/hangup")).status_code == 200
    assert other["id"] == "somebody-else"


async def test_an_ephemeral_key_ends_with_the_key_that_minted_it(board: Switchboard):
    parent = board.cli("keys", "new", "minting")
    session = {"session": {"type": "realtime", "model": f"brief-{MODEL}"}}
    answer = await board.post("/v1/realtime/client_secrets", session, key=parent["key"])
    async with board.call(name="minted", key=answer.json()["value"], model=None) as (phone, _):
        board.run("keys", "revoke", "minting")
        await phone.over()
