"""How sessions end: a close code of one side reaches the other, an abnormal end never looks normal, our own codes come with a reason.

One proxy; behind it a simulator and a provider made of raw sockets.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from urllib.request import Request
from urllib.request import urlopen

import pytest
import pytest_asyncio
from proxying import OTHER_KEY
from proxying import RULES
from proxying import Proxy
from proxying import close_of
from proxying import command
from proxying import started_proxy
from rawsocket import CLOSE
from rawsocket import PING
from rawsocket import TEXT
from rawsocket import RawSocket
from rawsocket import RawUpstream
from rawsocket import accept
from rawsocket import close
from rawsocket import raw_upstream
from rawsocket import upgraded
from recorded import ended
from recorded import named
from recorded import shown
from reloading import reloaded
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from simulator import Simulator
from simulator.record import Connection

pytestmark = pytest.mark.asyncio(loop_scope="module")

SIM = "/v1/realtime?model=sim/gpt-realtime-sim-"
CALM = "/v1/realtime?model=sim/gpt-realtime"
RAW = "/v1/realtime?model=raw/"


@dataclass
class Stage:
    proxy: Proxy
    simulator: Simulator
    raw: RawUpstream

    def seen(self) -> Connection:
        """The newest connection of the simulator."""
        return self.simulator.connections[-1]


async def greet(connection: RawSocket) -> None:
    """Answers nothing, not even a Close."""
    await accept(connection)
    await connection.send(TEXT, b'{"type":"session.created","session":{"id":"sess_1"}}')
    await connection.read_to_end()


async def close_without_code(connection: RawSocket) -> None:
    await accept(connection)
    await connection.send(CLOSE, b"")
    await connection.read_close()


async def close_after_words(connection: RawSocket) -> None:
    await accept(connection)
    for number in range(200):
        await connection.send(TEXT, b'{"type":"x","n":%d,"pad":"%s"}' % (number, b"p" * 9000))
    await connection.send(CLOSE, close(4444, "all said"))
    await connection.read_close()


PLAYS = {"greet": greet, "no-code": close_without_code, "words": close_after_words}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with AsyncExitStack() as stack:
        simulator = await stack.enter_async_context(Simulator(pace=0))
        raw = await stack.enter_async_context(raw_upstream(PLAYS))
        providers = f"""
providers:
  sim: {{kind: simulator, url: "http://{simulator.address}"}}
  raw: {{kind: compatible, url: "http://{raw.address}/v1"}}
"""
        proxy = await stack.enter_async_context(started_proxy(tmp_path_factory.mktemp("closing"), RULES + providers))
        yield Stage(proxy, simulator, raw)


async def error_and_close(websocket: ClientConnection) -> tuple[dict[str, str], tuple[int, str]]:
    """The error of the last message before the close, and that close."""
    last: str | bytes = b""
    try:
        while True:
            last = await asyncio.wait_for(websocket.recv(), 20)
    except ConnectionClosed:
        closed = await close_of(websocket)
    event = json.loads(last)
    assert event["type"] == "error", event
    return event["error"], closed


@pytest.mark.parametrize("code", [1000, 1001, 1008, 1012, 3000, 4001, 4999])
async def test_the_providers_close_reaches_the_client(stage: Stage, code: int) -> None:
    async with stage.proxy.connect(f"{SIM}close-{code}", headers=named(f"upstream-{code}")) as client:
        assert await close_of(client) == (code, f"simulated close {code}")
    found = await ended(stage.proxy.data, f"upstream-{code}")
    assert found["close"] == {"code": code, "reason": f"simulated close {code}", "side": "upstream"}


@pytest.mark.parametrize(("code", "reason"), [(1000, ""), (1000, "bye"), (1001, "page left"), (3999, "ä" * 61), (4123, "own reason")])
async def test_the_clients_close_reaches_the_provider(stage: Stage, code: int, reason: str) -> None:
    name = f"client-{code}-{len(reason)}"
    async with stage.proxy.connect(CALM, headers=named(name)) as client:
        await client.recv()
        await client.close(code, reason)
        assert client.close_code == code
    await asyncio.wait_for(stage.seen().ended.wait(), 20)
    assert (stage.seen().close_code, stage.seen().close_reason) == (code, reason)
    found = await ended(stage.proxy.data, name)
    assert found["close"] == {"code": code, "reason": reason, "side": "client"}


async def test_a_close_without_a_code_stays_without_one(stage: Stage) -> None:
    async with upgraded(stage.proxy.gateway, f"{RAW}no-code", headers=named("no-code-up")) as client:
        assert await client.read_close() == (1005, "")
        await client.send(CLOSE, b"")
        assert (await ended(stage.proxy.data, "no-code-up"))["close"] == {"code": 1005, "reason": "", "side": "upstream"}

    async with upgraded(stage.proxy.gateway, CALM, headers=named("no-code-down")) as client:
        await client.send(CLOSE, b"")
        assert await client.read_close() == (1005, "")
        await asyncio.wait_for(stage.seen().ended.wait(), 20)
        assert stage.seen().close_code == 1005


async def test_everything_sent_before_a_close_arrives_before_it(stage: Stage) -> None:
    async with stage.proxy.connect(f"{RAW}words") as client:
        numbers = [json.loads(await client.recv())["n"] for _ in range(200)]
        assert numbers == list(range(200))
        assert await close_of(client) == (4444, "all said")


async def test_a_provider_that_vanishes_is_an_error_to_the_client(stage: Stage) -> None:
    async with stage.proxy.connect(f"{SIM}drop-mid-answer", headers=named("vanished")) as client:
        await client.send('{"type":"response.create"}')
        error, closed = await error_and_close(client)
    assert closed == (1011, "upstream connection lost")
    assert (error["type"], error["message"]) == ("server_error", "upstream connection lost")
    found = await shown(stage.proxy.data, "vanished")
    assert found.close == (1006, "connection lost", "upstream")
    assert [(turn["status"], turn["reason"]) for turn in found.turns] == [("interrupted", "upstream_closed")]


async def test_a_provider_that_hangs_up_after_the_handshake_is_no_normal_end(stage: Stage) -> None:
    async with stage.proxy.connect(f"{SIM}hang-up", headers=named("hung-up")) as client:
        _, closed = await error_and_close(client)
    assert closed == (1011, "upstream connection lost")
    assert (await ended(stage.proxy.data, "hung-up"))["close"]["side"] == "upstream"


async def test_a_client_that_vanishes_takes_its_provider_session_along(stage: Stage) -> None:
    async with upgraded(stage.proxy.gateway, CALM, headers=named("gone")) as client:
        await client.read_message()
        client.abort()
        await asyncio.wait_for(stage.seen().ended.wait(), 20)
        assert (stage.seen().close_code, stage.seen().close_reason) == (1001, "client went away")
        assert (await ended(stage.proxy.data, "gone"))["close"] == {"code": 1006, "reason": "connection lost", "side": "client"}


async def test_a_provider_that_never_answers_a_close_is_cut_off(stage: Stage) -> None:
    async with upgraded(stage.proxy.gateway, f"{RAW}greet", headers=named("unanswered")) as client:
        await client.read_message()
        over = stage.raw.ended[-1]
        await client.send(CLOSE, close(1000, "done"))
        assert await client.read_close() == (1000, "done")
        assert await client.read_to_end() == b""
        await asyncio.wait_for(over.wait(), 20)
        assert (await ended(stage.proxy.data, "unanswered"))["close"] == {"code": 1000, "reason": "done", "side": "client"}


async def test_a_client_that_never_answers_a_close_is_cut_off(stage: Stage) -> None:
    async with upgraded(stage.proxy.gateway, f"{SIM}close-4002", headers=named("deaf")) as client:
        assert await client.read_close() == (4002, "simulated close 4002")
        assert await client.read_to_end() == b""
        assert (await ended(stage.proxy.data, "deaf"))["close"]["code"] == 4002


async def test_the_operator_ends_a_session_and_nothing_follows(stage: Stage) -> None:
    async with upgraded(stage.proxy.gateway, f"{RAW}greet", headers=named("killed")) as client:
        await client.read_message()
        provider = stage.raw.seen[-1]
        session = next(row for row in await control(stage.proxy, "/api/sessions") if row["grouping"] == "killed")
        assert session["live"]
        assert await control(stage.proxy, f"/api/sessions/{session['id']}/kill", "POST") == {"id": session["id"], "killed": True}
        event = json.loads(await client.read_message())
        assert (event["type"], event["error"]["message"]) == ("error", "ended by the operator")
        assert await client.read_close() == (1008, "ended by the operator")
        before = len(provider.received)
        await client.send(TEXT, b'{"type":"response.create"}')
        await client.send(CLOSE, close(1008))
        assert await client.read_to_end() == b""
        found = await ended(stage.proxy.data, "killed")
        assert found["close"] == {"code": 1008, "reason": "ended by the operator", "side": "proxy"}
        assert b"response.create" not in provider.received
        assert len(provider.received) >= before


async def control(proxy: Proxy, path: str, method: str = "GET") -> object:
    """An answer of the control port: its sessions, or the whole."""
    request = Request(f"http://{proxy.control}{path}", method=method, headers={"authorization": f"Bearer {proxy.token}"})
    found = json.loads(await asyncio.to_thread(lambda: urlopen(request).read()))  # noqa: S310
    return found.get("sessions", found)


async def test_a_key_revoked_on_the_command_line_ends_its_open_sessions(stage: Stage) -> None:
    key = (await command("keys", "new", "visitor", "--rules", str(stage.proxy.rules), "--data", str(stage.proxy.data))).strip()
    async with stage.proxy.connect(CALM, key=key, headers=named("revoked")) as client:
        await client.recv()
        seen = stage.seen()
        await command("keys", "revoke", "visitor", "--rules", str(stage.proxy.rules), "--data", str(stage.proxy.data))
        error, closed = await error_and_close(client)
    assert closed == (1008, "key revoked")
    assert error["message"] == "key revoked"
    await asyncio.wait_for(seen.ended.wait(), 20)
    assert (seen.close_code, seen.close_reason) == (1008, "key revoked")
    assert (await ended(stage.proxy.data, "revoked"))["close"] == {"code": 1008, "reason": "key revoked", "side": "proxy"}


@pytest.mark.parametrize(
    ("change", "reason"), [(("id: narrow", "revoked: true, id: narrow"), "key revoked"), (("narrow", "other"), "key removed")]
)
async def test_a_key_turned_off_in_the_rules_ends_its_open_sessions(stage: Stage, change: tuple[str, str], reason: str) -> None:
    async with (
        stage.proxy.connect(CALM, key=OTHER_KEY) as client,
        stage.proxy.connect(CALM) as bystander,
    ):
        await client.recv()
        await bystander.recv()
        async with reloaded(stage.proxy, *change):
            assert await close_of(client) == (1008, reason)
        await bystander.send('{"type":"session.update","session":{"type":"realtime"}}')
        assert json.loads(await bystander.recv())["type"] == "session.updated"


async def test_a_provider_whose_quota_is_used_up_ends_the_session(stage: Stage) -> None:
    async with stage.proxy.connect(f"{SIM}insufficient-quota", headers=named("quota")) as client:
        await client.recv()
        await client.send('{"type":"response.create","event_id":"mine"}')
        theirs = json.loads(await client.recv())
        assert theirs["error"]["code"] == "insufficient_quota"
        error, closed = await error_and_close(client)
    assert closed == (1008, "the provider's quota is used up")
    assert error["message"] == "the provider's quota is used up"
    found = await shown(stage.proxy.data, "quota")
    assert found.close == (1008, "the provider's quota is used up", "proxy")
    assert [(turn["status"], turn["error"]["kind"]) for turn in found.turns] == [("failed", "insufficient_quota")]


async def test_a_shutdown_tells_every_live_session_and_finishes_its_record(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> None:
    text = stage.proxy.rules.read_text()
    async with (
        started_proxy(tmp_path_factory.mktemp("shutdown"), text) as proxy,
        upgraded(proxy.gateway, CALM, headers=named("talking")) as talking,
        upgraded(proxy.gateway, f"{RAW}greet", headers=named("silent")) as silent,
    ):
        await talking.read_message()
        await silent.read_message()
        told = stage.seen()
        proxy.process.terminate()
        for client in (talking, silent):
            event = json.loads(await client.read_message())
            assert (event["error"]["code"], event["error"]["message"]) == ("going_away", "the proxy is shutting down")
            assert await client.read_close() == (1001, "the proxy is shutting down")
        await talking.send(CLOSE, close(1001))
        assert await proxy.stop() == 0
        assert (told.close_code, told.close_reason) == (1001, "the proxy is shutting down")
        for name in ("talking", "silent"):
            found = await ended(proxy.data, name)
            assert found["close"] == {"code": 1001, "reason": "the proxy is shutting down", "side": "proxy"}
        assert not [line for line in proxy.output if "ERROR" in line or "Traceback" in line]


async def test_pings_are_answered_and_stay_on_their_side(stage: Stage) -> None:
    async with upgraded(stage.proxy.gateway, f"{RAW}greet") as client:
        await client.read_message()
        provider = stage.raw.seen[-1]
        for number in range(1000):
            await client.send(PING, b"%d" % number)
        assert [(await client.read_frame())[1] for _ in range(1000)] == [b"%d" % number for number in range(1000)]
        await client.send(CLOSE, close(1000))
        await client.read_close()
        assert b"999" not in provider.received
