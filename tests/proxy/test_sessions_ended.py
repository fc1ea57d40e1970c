"""Live sessions that may not go on: revoked, expired and removed keys, rules that forbid them, and operators that end them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio
from proxying import close_of
from proxying import hash_of
from recorded import ended
from recorded import named
from reloading import reloaded
from spending import Spending
from spending import ask
from spending import billed
from spending import command_json
from spending import key_of
from spending import spending
from typer.testing import CliRunner

from cli.__main__ import app

pytestmark = pytest.mark.asyncio(loop_scope="module")

MANY = 100
KEYS = {
    "crowd": "revoked: false",
    "brief": "expires: 2099-01-01",
    "gone": "models: ['*gpt-*']",
    "taken": "models: ['gpt-realtime']",
    "free": "models: ['*']",
    "victim": "models: ['**']",
}
MORE = """
  spare: {kind: simulator, url: "http://SIMULATOR"}
routes:
  - {name: other, match: {model: other-voice}, provider: sim}
  - {name: moved, match: {model: moved-voice}, provider: sim}
"""
OPERATOR = (1008, "ended by the operator")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Spending]:
    async with spending(tmp_path_factory.mktemp("ended"), KEYS, MORE) as made:
        yield made


async def test_a_hundred_live_sessions_of_a_revoked_key_end_with_their_usage_on_record(shop: Spending) -> None:
    before = len(shop.simulator.connections)
    async with AsyncExitStack() as stack:
        secret = (await shop.mint("crowd")).json()["value"]
        page = await stack.enter_async_context(shop.proxy.connect("/v1/realtime", key=secret, headers=named("page")))
        sockets = [await stack.enter_async_context(shop.open("crowd")) for _ in range(MANY)]
        tokens = await asyncio.gather(ask(page), *(ask(socket) for socket in sockets))
        async with reloaded(shop.proxy, KEYS["crowd"], "revoked: true"):
            ends = await asyncio.gather(*(close_of(socket) for socket in (page, *sockets)))
            assert (await shop.refused("crowd"))[0] == 401
    assert set(ends) == {(1008, "key revoked")}
    upstream = shop.simulator.connections[before:]
    await asyncio.gather(*(asyncio.wait_for(connection.ended.wait(), 20) for connection in upstream))
    assert [connection.close_code for connection in upstream] == [1008] * (MANY + 1)
    records = shop.sessions("crowd")
    assert {record["close"]["reason"] for record in records} == {"key revoked"}
    assert sum(record["usage"]["total_tokens"] for record in records) == sum(tokens)
    assert {record["id"] for record in records} <= billed(shop.proxy.data).keys()


@pytest.mark.parametrize(
    ("key", "change", "model", "reason"),
    [
        ("brief", (KEYS["brief"], "expires: 2020-01-01"), "sim/gpt-realtime", "key expired"),
        (
            "gone",
            (f'{{id: gone, hash: "{hash_of(key_of("gone"))}"', f'{{id: new, hash: "{"sha256:" + "0" * 64}"'),
            "sim/gpt-realtime",
            "key removed",
        ),
        ("taken", (KEYS["taken"], "models: ['gpt-4*']"), "sim/gpt-realtime", "key taken may not use the model gpt-realtime any more"),
        ("free", ("  spare: {kind", "  spared: {kind"), "spare/gpt-realtime", "provider spare is removed"),
        ("free", ("model: other-voice", "model: another-voice"), "other-voice", "the rules let this session in no more"),
    ],
    ids=["expired", "removed", "model", "provider", "route"],
)
async def test_what_would_be_refused_now_ends(shop: Spending, key: str, change: tuple[str, str], model: str, reason: str) -> None:
    async with shop.open(key, reason, model=model) as socket, shop.open("victim") as other:
        await ask(socket)
        async with reloaded(shop.proxy, *change):
            assert await close_of(socket) == (1008, reason)
            await ask(other)
    record = await ended(shop.proxy.data, reason)
    assert (record["close"], record["usage"]["total_tokens"]) == ({"code": 1008, "reason": reason, "side": "proxy"}, 76)
    (found,) = [row for row in shop.findings_of(record["id"]) if row["kind"] == "revocation"]
    assert found["detail"]["reason"] == reason


async def test_a_route_that_leads_elsewhere_now_leaves_open_sessions_alone(shop: Spending) -> None:
    before, after = (f"model: moved-voice}}, provider: {provider}" for provider in ("sim", "spare"))
    async with shop.open("free", model="moved-voice") as socket, reloaded(shop.proxy, before, after):
        async with shop.open("free", "moved", model="moved-voice") as later:
            await ask(later)
        await asyncio.sleep(1)
        await ask(socket)
    assert (await ended(shop.proxy.data, "moved"))["provider"] == "spare"


async def test_the_operator_ends_one_session(shop: Spending) -> None:
    async with shop.open("victim", "one") as socket, shop.open("victim") as other:
        await ask(socket)
        (session,) = [record["id"] for record in shop.sessions("victim") if record["grouping"] == "one"]
        assert command_json(shop.proxy.data, "kill", session[:-1]) == {"killed": [session]}
        assert await close_of(socket) == OPERATOR
        await ask(other)
    assert (await ended(shop.proxy.data, "one"))["usage"]["total_tokens"] == 76
    result = CliRunner().invoke(app, ["kill", session, "--data", str(shop.proxy.data)])
    assert str(result.exception) == f"the session {session} is over"


async def test_the_operator_ends_all_sessions_of_a_key(shop: Spending) -> None:
    secret = (await shop.mint("victim")).json()["value"]
    async with shop.open("victim") as one, shop.proxy.connect("/v1/realtime", key=secret) as two, shop.open("free") as other:
        killed = command_json(shop.proxy.data, "kill", "--key", "victim")["killed"]
        assert await close_of(one) == await close_of(two) == OPERATOR
        await ask(other)
    assert len(killed) == 2
    assert command_json(shop.proxy.data, "kill", "--key", "victim") == {"killed": []}
    async with shop.open("victim") as again:
        await ask(again)


async def test_kill_says_what_it_cannot_do(shop: Spending) -> None:
    data = str(shop.proxy.data)
    for words, message in (
        (["kill", "ses_none"], "no session 'ses_none'"),
        (["kill"], "kill takes a session or --key NAME"),
        (["kill", "ses_1", "--key", "free"], "kill takes a session or --key NAME"),
    ):
        result = CliRunner().invoke(app, [*words, "--data", data])
        assert message in str(result.exception)
    elsewhere = CliRunner().invoke(app, ["kill", "--key", "free", "--data", str(shop.proxy.data.parent)])
    assert "no proxy serves" in str(elsewhere.exception)
