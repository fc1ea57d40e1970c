"""The ways in which a call ends: both sides learn it, the reason is on the record, and nothing is left."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from pathlib import Path

import phone as phone_module
import pytest
import pytest_asyncio
from phone import Phone
from proxying import KEY
from proxying import hash_of
from reloading import reloaded
from switchboard import CALLS
from switchboard import Switchboard
from waiting import eventually

from simulator.webcall import WebCall

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.usefixtures("nothing_left")]

HUNG_UP = (1000, "hung up", "client")


def errors(phone: Phone) -> list[tuple[str, str]]:
    return [(event["error"]["code"], event["error"]["message"]) for event in phone.of("error")]


LIMITS = {
    "session: 1s": ("session: 60m", (1001, "session limit of 1 s reached", "proxy"), ("going_away", "session limit of 1 s reached")),
    "idle: 1s": ("idle: 15m", (1008, "idle for 1 s", "proxy"), ("policy_violation", "idle for 1 s")),
}


@pytest.mark.parametrize("limit", LIMITS)
async def test_a_limit_is_reached(board: Switchboard, limit: str):
    usual, close, error = LIMITS[limit]
    async with board.call(name=f"limit {limit}") as (phone, call):
        upstream = await board.other_side(call)
        async with reloaded(board.proxy, usual, limit):
            await phone.over()
        await eventually(upstream.ended.is_set)
        assert errors(phone) == [error]
    assert (await board.record(f"limit {limit}")).close == close


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def vanished(board: Switchboard) -> AsyncIterator[WebCall]:
    """A client's process, killed in its call: its silence has to be noticed, which takes a while."""
    words = (phone_module.__file__, board.proxy.url(f"{CALLS}?model=gpt-realtime", "http"), KEY, "vanished")
    client = await asyncio.create_subprocess_exec(sys.executable, *words, stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[2])
    assert client.stdout is not None
    location = (await asyncio.wait_for(client.stdout.readline(), 30)).decode().strip()
    upstream = await board.other_side(location.rpartition("/")[2])
    client.kill()
    await client.wait()
    yield upstream


@pytest.mark.usefixtures("vanished")
async def test_the_client_hangs_up(board: Switchboard):
    async with board.call(name="client hangs up") as (phone, call):
        upstream = await board.other_side(call)
        phone.ask("Tell me a story.")
        await phone.until("response.output_audio_transcript.delta", 3)
    await eventually(upstream.ended.is_set)
    record = await board.record("client hangs up")
    assert record.close == HUNG_UP
    assert [(turn["status"], turn["reason"]) for turn in record.turns] in ([("interrupted", "client_closed")], [("completed", None)])


async def test_a_hangup_by_the_id_of_the_call(board: Switchboard):
    async with board.call(name="by id") as (phone, call):
        upstream = await board.other_side(call)
        answer = await board.post(f"{CALLS}/{call}/hangup")
        assert (answer.status_code, answer.content) == (200, b"")
        await phone.over()
        await eventually(upstream.ended.is_set)
        assert errors(phone) == []
    assert (await board.record("by id")).close == HUNG_UP


async def test_the_operator_ends_it(board: Switchboard):
    async with board.call(name="killed") as (phone, call):
        upstream = await board.other_side(call)
        await board.kill(next(row["id"] for row in await board.live() if row["grouping"] == "killed"))
        await phone.over()
        await eventually(upstream.ended.is_set)
        assert errors(phone) == [("policy_violation", "ended by the operator")]
    assert (await board.record("killed")).close == (1008, "ended by the operator", "proxy")


async def test_its_key_is_revoked(board: Switchboard):
    """Also while the line is idle; nothing that is said afterwards arrives."""
    made = board.cli("keys", "new", "temporary", "--rules", str(board.proxy.rules))
    async with board.call(name="revoked", key=made["key"]) as (phone, call):
        upstream = await board.other_side(call)
        board.run("keys", "revoke", "temporary")
        await phone.until("error")
        phone.send('{"type":"too.late"}')
        await phone.over()
        await eventually(upstream.ended.is_set)
        assert errors(phone) == [("policy_violation", "key revoked")]
        assert not [message for message in upstream.messages if "too.late" in str(message)]
        assert (await board.post(f"{CALLS}/{call}/hangup", key=made["key"])).status_code == 401
    assert (await board.record("revoked")).close == (1008, "key revoked", "proxy")


async def test_its_ephemeral_key_is_revoked(board: Switchboard):
    answer = await board.post("/v1/realtime/client_secrets", {"session": {"type": "realtime", "model": "gpt-realtime"}})
    async with board.call(name="token revoked", key=answer.json()["value"], model=None) as (phone, _):
        token = next(row["client_secret"] for row in await board.live() if row["grouping"] == "token revoked")
        board.run("tokens", "revoke", token)
        await phone.over()
        assert errors(phone) == [("policy_violation", "client secret revoked")]
    assert (await board.record("token revoked")).close == (1008, "client secret revoked", "proxy")


async def test_its_key_expires(board: Switchboard):
    soon = (datetime.now(UTC) + timedelta(seconds=3)).isoformat(timespec="seconds").replace("+00:00", "Z")
    key = "vt_" + "e" * 43
    entry = f'keys:\n  - {{id: brief, hash: "{hash_of(key)}", expires: "{soon}"}}\n'
    async with reloaded(board.proxy, "keys:\n", entry), board.call(name="expired", key=key) as (phone, _):
        await phone.over()
        assert errors(phone) == [("policy_violation", "key expired")]
    assert (await board.record("expired")).close == (1008, "key expired", "proxy")


async def test_the_client_closes_its_channel_alone(board: Switchboard):
    """The call goes on, and what the provider says is on the record."""
    async with board.call(name="channel closed") as (phone, call):
        upstream = await board.other_side(call)
        assert phone.channel is not None
        phone.channel.close()
        await phone.met(lambda: phone.closed, "the end of the channel")
        upstream.pump.take('{"type":"response.create"}')
        await phone.met(lambda: phone.heard > 100, "sound")

        async def answered() -> bool:
            live = next(row for row in await board.live() if row["grouping"] == "channel closed")
            return bool(live["turns"])

        await eventually(answered)
        assert phone.connected
        assert upstream.reason is None
    record = await board.record("channel closed")
    assert (record.close, len(record.turns)) == (HUNG_UP, 1)
    assert record.turns[0]["output"]


async def test_a_call_without_a_channel(board: Switchboard):
    async with board.call(label=None, name="no channel", greeted=False) as (phone, call):
        await phone.met(lambda: phone.heard > 20, "sound")
        upstream = await board.other_side(call)
        await board.kill(next(row["id"] for row in await board.live() if row["grouping"] == "no channel"))
        await phone.over()
        await eventually(upstream.ended.is_set)
    record = await board.record("no channel")
    assert record.close == (1008, "ended by the operator", "proxy")
    assert record.session["frames"]["upstream"]["frames"] == 0


async def test_the_client_leaves_before_the_provider_has_answered(board: Switchboard):
    async def offered() -> None:
        phone = Phone()
        try:
            await board.offer(await phone.offer(), model="gpt-sim-no-handshake", name="left")
        finally:
            await phone.close()

    asked = len(board.simulator.requests)
    leaving = asyncio.create_task(offered())
    await eventually(lambda: len(board.simulator.requests) > asked)
    leaving.cancel()
    await asyncio.wait([leaving])
    record = await board.record("left")
    assert record.close == (1006, "the client went away", "client")
    assert record.session["error"]["status"] == 499


async def test_the_clients_process_is_killed(board: Switchboard, vanished: WebCall):
    record = await board.record("vanished")
    assert record.close == (1001, "nothing from the client for 7 s", "client")
    await eventually(vanished.ended.is_set)
