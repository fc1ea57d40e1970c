"""Billing rows and running sums on every way a session can end, and across a restart and a crash in the middle of a period."""

from __future__ import annotations

import asyncio
import csv
import io
import signal
from pathlib import Path
from typing import Any

import httpx2
import pytest
from proxying import close_of
from proxying import command
from proxying import started_proxy
from recorded import ended
from reloading import reload
from reloading import said
from spending import Spending
from spending import ask
from spending import billed
from spending import command_json
from spending import key_of
from spending import rules_with
from spending import spend
from typer.testing import CliRunner

from cli.__main__ import app
from simulator import Simulator
from store.reader import LogReader

KEYS = {"steady": "budget: {tokens: 400, per: 52w}", "other": "revoked: false", "tight": "budget: {tokens: 1, per: 52w}"}
OFTEN = """
from addons import sessions

sessions.JOURNAL_SECONDS = 0.2
"""


async def test_every_way_a_session_ends_leaves_its_rows_and_counts_in_the_period(tmp_path: Path) -> None:
    """Clean, abrupt, revoked, spent, shut down, crashed: one run of the program after the other on the same log."""
    script = tmp_path / "often.py"
    script.write_text(OFTEN)
    async with Simulator(pace=0) as simulator, httpx2.AsyncClient() as http:
        rules = rules_with(simulator, KEYS)

        def run() -> Any:
            return started_proxy(tmp_path, rules, words=("--script", str(script)))

        async with run() as proxy:
            shop = Spending(proxy, simulator, http)
            data = proxy.data
            async with shop.open("steady", "clean") as socket:
                await ask(socket)
            async with shop.open("steady", "abrupt") as socket:
                await ask(socket)
                socket.transport.abort()
            async with shop.open("tight", "spent") as socket:
                assert (await spend(socket))[1] == "the budget of key tight is spent: 76 of 1 tokens"
            async with shop.open("other", "revoked") as socket:
                await ask(socket)
                await reload(proxy, rules.replace(KEYS["other"], "revoked: true"))
                assert await close_of(socket) == (1008, "key revoked")
            async with shop.open("steady", "shut down") as socket:
                await ask(socket)
                closing = asyncio.create_task(close_of(socket))
                assert await proxy.stop() == 0
                assert (await closing)[0] == 1001
        names = ("clean", "abrupt", "spent", "revoked", "shut down")
        await _all_billed(data, names)

        async with run() as proxy:
            shop = Spending(proxy, simulator, http)
            async with shop.open("steady", "crashed") as socket:
                assert socket.response is not None
                assert "x-voicetap-budget" not in socket.response.headers, "228 of 400 tokens are used"
                await ask(socket)
                await _journaled(data, "crashed", 76)
                await proxy.stop(signal.SIGKILL)
        assert [row for row in LogReader(data).billing() if row["session"] == _record(data, "crashed")["id"]] == []
        live = command_json(data, "usage")["total"]
        assert live["usd"] == pytest.approx(sum(record["cost"]["usd"] for record in LogReader(data).sessions(limit=None)))

        async with run() as proxy:
            shop = Spending(proxy, simulator, http)
            await said(proxy, "completed after a crash")
            await _all_billed(data, (*names, "crashed"))
            async with shop.open("steady", "last") as socket:
                assert socket.response is not None
                assert "x-voicetap-budget" not in socket.response.headers, "304 of 400 tokens are used"
                assert (await spend(socket))[1] == "the budget of key steady is spent: 485 of 400 tokens"
            assert (await shop.refused("tight"))[1]["code"] == (await shop.refused("steady"))[1]["code"] == "budget_spent"
        before = LogReader(data).billing()
        async with run():
            assert LogReader(data).billing() == before, "nothing is billed twice"
    _check_csv(data)


async def test_erasing_after_a_crash_bills_what_the_crash_left_out(tmp_path: Path) -> None:
    script = tmp_path / "often.py"
    script.write_text(OFTEN)
    async with Simulator(pace=0) as simulator, httpx2.AsyncClient() as http:
        async with started_proxy(tmp_path, rules_with(simulator, KEYS), words=("--script", str(script))) as proxy:
            shop = Spending(proxy, simulator, http)
            data = proxy.data
            async with shop.open("steady", "crashed") as socket:
                await ask(socket)
                await _journaled(data, "crashed", 76)
                await proxy.stop(signal.SIGKILL)
        session = _record(data, "crashed")["id"]
        assert LogReader(data).billing() == []
        await command("erase", "--session", session, "--yes", "--data", str(data))
        await _all_billed(data, ("crashed",))
        assert command_json(data, "usage")["total"]["usd"] == pytest.approx(_record(data, "crashed")["cost"]["usd"])
        before = LogReader(data).billing()
        async with started_proxy(tmp_path, rules_with(simulator, KEYS)):
            assert LogReader(data).billing() == before, "nothing is billed twice"


async def _all_billed(data: Path, names: tuple[str, ...]) -> None:
    records = [await ended(data, name) for name in names]
    rows = billed(data)
    assert [rows[record["id"]] for record in records] == [pytest.approx(record["cost"]["usd"]) for record in records]
    assert all(record["usage"]["total_tokens"] == 76 for record in records)


async def _journaled(data: Path, name: str, tokens: int) -> None:
    for _ in range(200):
        if _record(data, name)["usage"]["total_tokens"] == tokens:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"{name} never had {tokens} tokens")


def _record(data: Path, name: str) -> dict[str, Any]:
    (found,) = [record for record in LogReader(data).sessions(limit=None) if record["grouping"] == name]
    return found


def _check_csv(data: Path) -> None:
    result = CliRunner().invoke(app, ["usage", "--by", "model", "--csv", "--data", str(data)])
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [row["model"] for row in rows] == ["gpt-realtime"]
    assert float(rows[0]["usd"]) == pytest.approx(sum(billed(data).values()))
    assert key_of("steady") not in result.stdout
