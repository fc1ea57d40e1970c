"""Budgets of keys and routes in the running program: what is refused, what is ended, what is said, and what is on the record."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio
from proxying import close_of
from recorded import ended
from recorded import named
from reloading import reloaded
from spending import MODEL
from spending import THREE_TURNS
from spending import Spending
from spending import ask
from spending import billed
from spending import command_json
from spending import key_of
from spending import spend
from spending import spending
from talking import Talk
from waiting import eventually

from simulator.audio import silence
from store.reader import LogReader

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEYS = {
    "free": "",
    "cents": "budget: {usd: 0.03, per: 52w}",
    "once": "budget: {tokens: 200}",
    "talker": "budget: {audio: 2s, per: 52w}",
    "timed": "budget: {wall: 2s, per: 52w}",
    "low": "budget: {tokens: 380, per: 52w}",
    "nameless": "budget: {usd: 1, per: 52w}",
    "short": "budget: {tokens: 50, per: 3s}",
    "later": "models: ['*']",
    "page": "budget: {tokens: 100, per: 52w}",
}
ROUTES = """
routes:
  - {name: trial, match: {model: "trial-*"}, provider: sim, budget: {tokens: 100, per: 52w}}
  - {name: pair, match: {model: "pair-*"}, provider: sim, sessions: 2}
"""
OFFER = b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Spending]:
    async with spending(tmp_path_factory.mktemp("budgets"), KEYS, ROUTES) as made:
        yield made


async def test_sessions_that_race_for_the_last_cent_all_end(shop: Spending) -> None:
    async with AsyncExitStack() as stack:
        other = await stack.enter_async_context(shop.open("free"))
        idle = await stack.enter_async_context(shop.open("cents", "idle"))
        racing = [await stack.enter_async_context(shop.open("cents", f"race-{number}")) for number in range(4)]
        ends = await asyncio.gather(*(spend(socket) for socket in racing))
        ends.append((*await close_of(idle), ""))
        assert await ask(other) > 0
    assert {(code, reason.partition(":")[0]) for code, reason, _ in ends} == {(1008, "the budget of key cents is spent")}
    assert all(message == reason for _, reason, message in ends[:-1])
    records = [await ended(shop.proxy.data, f"race-{number}") for number in range(4)]
    total = sum(record["cost"]["usd"] for record in records)
    dearest = max(turn["cost"]["usd"] for record in records for turn in LogReader(shop.proxy.data).turns(record["id"]) if turn["cost"])
    assert 0.03 <= total <= 0.03 + 4 * dearest
    assert {(record["close"]["code"], record["close"]["side"]) for record in records} == {(1008, "proxy")}
    assert len(shop.said("key cents: its budget is spent")) == 1
    assert len(shop.findings("budget_warning", "cents")) == 1


async def test_a_spent_budget_refuses_handshakes_offers_and_ephemeral_keys(shop: Spending) -> None:
    status, error, headers = await shop.refused("cents")
    assert (status, error["type"], error["code"]) == (429, "rate_limit_error", "budget_spent")
    assert "of 0.03 USD; it starts anew in" in error["message"]
    assert 0 < int(headers["retry-after"]) <= 52 * 604_800
    offer = await shop.post(f"/v1/realtime/calls?model={MODEL}", OFFER, "cents", **{"Content-Type": "application/sdp"})
    minted = await shop.mint("cents")
    for answer in (offer, minted):
        assert (answer.status_code, answer.json()["error"]["code"]) == (429, "budget_spent")
        assert int(answer.headers["retry-after"]) > 0


async def test_a_budget_for_once_has_no_time_to_come_again(shop: Spending) -> None:
    async with shop.open("once") as socket:
        assert (await spend(socket))[:2] == (1008, "the budget of key once is spent: 315 of 200 tokens")
    status, error, headers = await shop.refused("once")
    assert (status, error["message"]) == (429, "the budget of key once is spent: 315 of 200 tokens")
    assert "retry-after" not in headers


async def test_audio_counts_while_it_is_said(shop: Spending) -> None:
    async with shop.open("talker", "talker") as socket:
        talk, sound = Talk(socket), b64encode(silence(100)).decode()
        sending = asyncio.create_task(_append(talk, sound, times=21))
        code, reason = await close_of(socket)
        await sending
    assert (code, reason.partition(":")[0]) == (1008, "the budget of key talker is spent")
    assert (await ended(shop.proxy.data, "talker"))["audio"]["in_seconds"] >= 2


async def _append(talk: Talk, sound: str, times: int) -> None:
    for _ in range(times):
        await talk.say("input_audio_buffer.append", audio=sound)


async def test_the_time_of_all_open_sessions_counts_together(shop: Spending) -> None:
    async with shop.open("timed", "timed-1") as one, shop.open("timed", "timed-2") as two:
        ends = await asyncio.gather(close_of(one), close_of(two))
    assert {code for code, _ in ends} == {1008}
    assert all("s of open sessions" in reason for _, reason in ends)
    assert (await shop.refused("timed"))[1]["code"] == "budget_spent"


async def test_from_80_percent_on_answers_say_so(shop: Spending) -> None:
    async with shop.open("low", "low-1") as socket:
        assert socket.response is not None
        assert "x-voicetap-budget" not in socket.response.headers
        assert sum([await ask(socket) for _ in range(3)]) == THREE_TURNS
    await ended(shop.proxy.data, "low-1")
    async with shop.open("low", "low-2") as socket:
        assert socket.response is not None
        told = socket.response.headers["x-voicetap-budget"]
    assert told.startswith("key=low;tokens=315/380;used=82%;anew=")
    minted = await shop.mint("low")
    assert minted.headers["x-voicetap-budget"].startswith("key=low;tokens=315/380;used=82%")
    assert len(shop.said("key low: 82% of its budget is used: 315 of 380 tokens")) == 1
    (found,) = shop.findings("budget_warning", "low")
    assert (found["kind"], found["action"], found["detail"]["owner"]) == ("budget", "warn", "key low")


async def test_what_has_no_price_is_said(shop: Spending) -> None:
    for name in ("nameless-1", "nameless-2"):
        async with shop.open("nameless", name, model="sim/nobody-knows-its-price") as socket:
            await ask(socket)
        record = await ended(shop.proxy.data, name)
        assert (record["cost"]["usd"], record["cost"]["priced"]) == (None, False)
    assert len(shop.said("what sim/nobody-knows-its-price costs is not known in full, and is missing in the budget of key nameless")) == 1
    assert len(shop.findings("unpriced", "nameless")) == 1
    rows = LogReader(shop.proxy.data).billing(key="nameless")
    assert sum(row["quantity"] for row in rows if row["unit"] == "token") == 2 * 76
    assert {row["cost"] for row in rows} == {None}


async def test_a_route_has_a_budget_for_all_its_keys(shop: Spending) -> None:
    async with shop.open("free", model="trial-voice") as one, shop.open("later", model="trial-voice") as two:
        await ask(one)
        assert (await spend(two))[1].startswith("the budget of route trial is spent")
        assert (await close_of(one))[0] == 1008
    assert (await shop.refused("free", model="trial-voice"))[1]["code"] == "budget_spent"
    async with shop.open("free") as elsewhere:
        await ask(elsewhere)


async def test_a_route_has_room_for_so_many_sessions(shop: Spending) -> None:
    async with shop.open("free", model="pair-a"), shop.open("later", model="pair-b"):
        status, error, headers = await shop.refused("free", model="pair-c")
        assert (status, error["code"], headers["retry-after"]) == (429, "too_many_sessions", "5")
        assert error["message"] == "2 sessions are open on route pair, at most 2 are allowed"


async def test_sessions_of_ephemeral_keys_count_for_the_key_that_minted_them(shop: Spending) -> None:
    secret = (await shop.mint("page")).json()["value"]
    async with shop.proxy.connect("/v1/realtime", key=secret, headers=named("page")) as socket:
        assert (await spend(socket))[1].startswith("the budget of key page is spent: 181 of 100 tokens")
    try:
        async with shop.proxy.connect("/v1/realtime", key=secret):
            raise AssertionError("it was let in")
    except Exception as error:
        assert "HTTP 429" in str(error)
    assert (await ended(shop.proxy.data, "page"))["principal"] == "page"


async def test_a_period_turns_over(shop: Spending) -> None:
    for _ in range(2):
        async with shop.open("short") as socket:
            assert (await spend(socket))[0] == 1008
        status, error, headers = await shop.refused("short")
        assert (status, error["code"]) == (429, "budget_spent")
        assert 1 <= int(headers["retry-after"]) <= 3
        await asyncio.sleep(int(headers["retry-after"]))


async def test_a_budget_that_comes_with_new_rules_knows_what_was_used_before(shop: Spending) -> None:
    async with shop.open("later", "later-1") as socket:
        await ask(socket)
    await ended(shop.proxy.data, "later-1")
    used = sum(record["usage"]["total_tokens"] for record in shop.sessions("later"))
    async with shop.open("later", "later-2") as live:
        used += await ask(live)
        limited = f"models: ['*'], budget: {{tokens: {used + 50}, per: 52w}}"
        async with reloaded(shop.proxy, KEYS["later"], limited):
            reason = (await spend(live))[1]
            assert reason.endswith(f" of {used + 50} tokens")
            await ended(shop.proxy.data, "later-2")
            assert used + 50 <= int(reason.split()[-4]) <= sum(record["usage"]["total_tokens"] for record in shop.sessions("later"))
            assert (await shop.refused("later"))[1]["code"] == "budget_spent"
        async with shop.open("later") as again:
            await ask(again)


async def test_usage_adds_up_to_what_the_sessions_cost(shop: Spending) -> None:
    data = shop.proxy.data
    reader = LogReader(data)
    await eventually(lambda: all(record["ended_at"] for record in reader.sessions(limit=None)))
    records = reader.sessions(limit=None)
    cost = sum(record["cost"]["usd"] or 0 for record in records)
    assert billed(data) == {record["id"]: pytest.approx(record["cost"]["usd"] or 0) for record in records if record["cost"]["lines"]}
    for by in ("key", "model", "day", "provider", "route"):
        found = command_json(data, "usage", "--by", by)
        assert found["total"]["usd"] == pytest.approx(cost)
        assert sum(row["usd"] or 0 for row in found["rows"]) == pytest.approx(cost)
        assert sum(row["sessions"] for row in found["rows"]) == found["total"]["sessions"] == len(billed(data))
    by_key = {row["key"]: row for row in command_json(data, "usage", "--by", "key")["rows"]}
    assert by_key["cents"]["usd"] == pytest.approx(sum(record["cost"]["usd"] for record in shop.sessions("cents")))
    assert (by_key["nameless"]["usd"], by_key["nameless"]["unpriced"] > 0) == (None, True)


async def test_the_records_hold_no_key(shop: Spending) -> None:
    text = "".join(file.read_text() for file in (shop.proxy.data / "log").glob("*.jsonl"))
    assert json.loads(text.splitlines()[0])
    assert [name for name in KEYS if key_of(name) in text] == []
