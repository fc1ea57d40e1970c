"""How fast sessions may come, and how many at once: exact windows, the same for sockets, offers and ephemeral keys, across restarts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio
from proxying import close_of
from proxying import started_proxy
from rawsocket import dialled
from rawsocket import handshake
from recorded import named
from reloading import reloaded
from spending import MODEL
from spending import Spending
from spending import ask
from spending import key_of
from spending import spending

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEYS = {
    "rush": "rate: {sessions: 3/d}",
    "crowd": "rate: {sessions: 5/d}",
    "caller": "rate: {sessions: 2/d}",
    "minter": "rate: {sessions: 2/d}",
    "brisk": "rate: {sessions: 1/s}",
    "slow": "models: ['*']",
    "pair": "sessions: 2",
    "many": "sessions: 160",
}
ROUTES = """
routes:
  - {name: narrow, match: {model: "narrow-*"}, provider: sim, rate: {sessions: 2/d}}
"""
OFFER = b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
DAY = 86_400


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Spending]:
    async with spending(tmp_path_factory.mktemp("rates"), KEYS, ROUTES) as made:
        yield made


async def test_one_more_than_the_rate_is_refused_though_the_others_are_over(shop: Spending) -> None:
    for _ in range(3):
        async with shop.open("rush"):
            pass
    status, error, headers = await shop.refused("rush")
    assert (status, error["type"], error["code"]) == (429, "rate_limit_error", "rate_limit_exceeded")
    assert error["message"].startswith("key rush may open 3 sessions in 86400 s, and did; the next one in ")
    assert DAY - 60 < int(headers["retry-after"]) <= DAY


async def test_many_at_once_do_not_slip_past(shop: Spending) -> None:
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(dialled(shop.proxy.gateway)) for _ in range(12)]
        path = f"/v1/realtime?model={MODEL}"
        await asyncio.gather(*(client.write(handshake(path, key=key_of("crowd"))) for client in clients))
        await asyncio.gather(*(client.read_head() for client in clients))
        assert sorted(client.status for client in clients) == [101] * 5 + [429] * 7


async def test_offers_of_calls_count(shop: Spending) -> None:
    """That the offers themselves are of no use does not matter: they were let in."""
    answers = [
        await shop.post(f"/v1/realtime/calls?model={MODEL}", OFFER, "caller", **{"Content-Type": "application/sdp"}) for _ in range(3)
    ]
    assert [answer.status_code == 429 for answer in answers] == [False, False, True]
    assert answers[2].json()["error"]["code"] == "rate_limit_exceeded"
    assert int(answers[2].headers["retry-after"]) > DAY - 60
    assert (await shop.refused("caller"))[0] == 429


async def test_a_minted_key_counts_once_with_its_first_session(shop: Spending) -> None:
    minted = await shop.mint("minter")
    secret = minted.json()["value"]
    path = "/v1/realtime"
    for _ in range(2):
        async with shop.proxy.connect(path, key=secret, headers=named("minted")) as socket:
            await ask(socket)
    assert (await shop.mint("minter")).json()["error"]["code"] == "rate_limit_exceeded"
    assert (await shop.refused("minter"))[1]["code"] == "rate_limit_exceeded"
    with pytest.raises(Exception, match="HTTP 429"):
        async with shop.proxy.connect(path, key=secret):
            pass


async def test_the_next_one_comes_when_it_was_said_to(shop: Spending) -> None:
    async with shop.open("brisk"):
        _, _, headers = await shop.refused("brisk")
    await asyncio.sleep(int(headers["retry-after"]))
    async with shop.open("brisk") as socket:
        await ask(socket)


async def test_a_route_has_a_rate_for_all_its_keys(shop: Spending) -> None:
    for key in ("slow", "pair"):
        async with shop.open(key, model="narrow-voice"):
            pass
    status, error, _ = await shop.refused("slow", model="narrow-voice")
    assert (status, error["code"]) == (429, "rate_limit_exceeded")
    assert error["message"].startswith("route narrow may open 2 sessions")
    async with shop.open("slow"):
        pass


async def test_a_key_has_room_for_so_many_sessions(shop: Spending) -> None:
    async with shop.open("pair") as one, shop.open("pair"):
        status, error, _ = await shop.refused("pair")
        assert (status, error["code"]) == (429, "too_many_sessions")
        assert error["message"] == "2 sessions are open of key pair, at most 2 are allowed"
        await one.close()
        async with shop.open("pair") as next_one:
            await ask(next_one)
    async with reloaded(shop.proxy, "per_key: 150", "per_key: 1"), shop.open("many"), shop.open("many") as second:
        await ask(second)


async def test_a_rate_that_comes_with_new_rules_knows_who_came_before(shop: Spending) -> None:
    before = len(shop.sessions("slow"))
    async with shop.open("slow") as live, reloaded(shop.proxy, KEYS["slow"], f"rate: {{sessions: {before + 1}/d}}"):
        assert (await shop.refused_in_time("slow"))[1]["code"] == "rate_limit_exceeded"
        await ask(live)
    async with shop.open("slow"):
        pass


async def test_a_restart_forgets_nobody(shop: Spending) -> None:
    assert await shop.proxy.stop() == 0
    async with started_proxy(shop.proxy.rules.parent, shop.proxy.rules.read_text()) as proxy:
        again = Spending(proxy, shop.simulator, shop.http)
        assert (await again.refused("rush"))[1]["code"] == "rate_limit_exceeded"
        async with again.open("many") as socket:
            closing = asyncio.create_task(close_of(socket))
            assert await proxy.stop() == 0
            assert await closing == (1001, "the proxy is shutting down")
