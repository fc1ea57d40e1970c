"""Budgets hold calls too: what is said and heard in them counts, relayed or only looked on, and both sides end when it is spent."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from phone import Phone
from proxying import hash_of
from reloading import reloaded
from switchboard import MODEL
from switchboard import Switchboard
from switchboard import code_of
from waiting import eventually

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.usefixtures("nothing_left")]


@asynccontextmanager
async def metered(board: Switchboard, name: str, limits: str) -> AsyncIterator[str]:
    """A key with these limits, while the block lasts."""
    key = "vt_" + name.ljust(43, "m")
    async with reloaded(board.proxy, "keys:\n", f'keys:\n  - {{id: {name}, hash: "{hash_of(key)}", {limits}}}\n'):
        yield key


@pytest.mark.parametrize("model", [MODEL, f"aside-{MODEL}"], ids=["relay", "sideband"])
async def test_tokens_end_a_call_on_both_sides(board: Switchboard, model: str):
    name = f"tokens-{model}"
    async with metered(board, name, "budget: {tokens: 5, per: 52w}") as key, board.call(name=name, key=key, model=model) as (phone, call):
        upstream = await board.other_side(call)
        phone.ask("Hello there.")
        await phone.over()
        await eventually(upstream.ended.is_set)
        refused = await board.offer(await _offer(), key=key, model=model)
        assert (refused.status_code, code_of(refused)) == (429, "budget_spent")
    code, reason, side = (await board.record(name)).close
    assert (code, side, reason.partition(":")[0]) == (1008, "proxy", f"the budget of key {name} is spent")
    assert board.sessions(name)[0]["usage"]["total_tokens"] > 5


async def test_the_sound_of_a_relayed_call_counts(board: Switchboard):
    async with metered(board, "sound", "budget: {audio: 2s, per: 52w}") as key, board.call(name="sound", key=key) as (phone, call):
        upstream = await board.other_side(call)
        await phone.until("error")
        await phone.over()
        await eventually(upstream.ended.is_set)
    record = await board.record("sound")
    assert record.close[1].startswith("the budget of key sound is spent: ")
    assert record.session["audio"]["in_seconds"] >= 2


async def test_all_calls_of_a_key_are_ended_by_the_operator(board: Switchboard):
    async with (
        metered(board, "killed-key", "sessions: 5") as key,
        board.call(name="killed relay", key=key) as (relayed, _),
        board.call(name="killed aside", key=key, model=f"aside-{MODEL}") as (aside, call),
    ):
        upstream = await board.other_side(call)
        await eventually(lambda: len(board.sessions("killed aside")) == 1)
        assert len(board.cli("kill", "--key", "killed-key")["killed"]) == 2
        await relayed.over()
        await aside.over()
        await eventually(upstream.ended.is_set)
    for name in ("killed relay", "killed aside"):
        assert (await board.record(name)).close == (1008, "ended by the operator", "proxy")


async def _offer() -> str:
    phone = Phone()
    try:
        return await phone.offer()
    finally:
        await phone.close()
