"""`erase` and `log.retention` against the running program: what is erased is gone from the disk, and nothing else suffers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio
from proxying import RULES
from proxying import Proxy
from proxying import command
from proxying import started_proxy
from recorded import named
from recorded import shown
from reloading import said
from talking import Talk

from simulator import Simulator
from store.reader import LogReader

pytestmark = pytest.mark.asyncio(loop_scope="module")

SIM = "/v1/realtime?model=sim/gpt-realtime"
KEEP = "{content: full, audio: wav, retention: {audio: 1d, content: 1d}}"
WATCHED = "policies:\n  - {id: spread, when: {text: [user_text], regex: marmalade}, action: alert}\n"
MANUAL = {"audio": {"input": {"turn_detection": None}}}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator(pace=0.05) as running:
        yield running


def rules(simulator: Simulator, log: str = KEEP) -> str:
    return RULES.replace("{content: full}", log) + f'providers:\n  sim: {{kind: simulator, url: "http://{simulator.address}"}}\n'


async def ask(talk: Talk, text: str) -> None:
    """A turn by text, spoken to."""
    await talk.say("conversation.item.create", item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]})
    await talk.ask()


async def talked(proxy: Proxy, name: str, text: str) -> None:
    async with proxy.connect(SIM, headers=named(name)) as socket:
        talk = Talk(socket)
        await talk.until("session.created")
        await talk.update(**MANUAL)
        await ask(talk, text)
    await shown(proxy.data, name)


async def recording(data: Path, name: str, state: str) -> None:
    """Wait until the sound of a session is as wanted."""
    for _ in range(400):
        found = next((row for row in LogReader(data).sessions() if row["grouping"] == name), {})
        if (found.get("recording") or {}).get("state") == state:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"{name}: {found}")


def on_disk(data: Path) -> bytes:
    return b"".join(path.read_bytes() for path in data.rglob("*") if path.is_file())


async def erase(proxy: Proxy, *words: str) -> dict[str, int]:
    found: dict[str, int] = json.loads(await command("erase", *words, "--yes", "--json", "--data", str(proxy.data)))
    return found


async def test_erasing_under_a_running_proxy(tmp_path: Path, simulator: Simulator) -> None:
    async with AsyncExitStack() as stack:
        proxy = await stack.enter_async_context(started_proxy(tmp_path, rules(simulator) + WATCHED))
        await talked(proxy, "first", "marmalade one")
        await talked(proxy, "second", "marmalade two")
        await recording(proxy.data, "first", "ready")
        await recording(proxy.data, "second", "ready")
        first = await shown(proxy.data, "first")
        assert "marmalade one" in first.turns[0]["input"]
        assert await erase(proxy, "--session", first.session["id"][:-2]) == {"sessions": 1, "contents": 1, "recordings": 1}
        first = await shown(proxy.data, "first")
        assert (first.turns[0]["input"], first.turns[0]["content"]) == (None, "erased")
        assert first.session["recording"]["state"] == "erased"
        assert "erased, or kept no longer" in await command("show", first.session["id"], "--data", str(proxy.data))
        assert "marmalade two" in (await shown(proxy.data, "second")).turns[0]["input"]
        async with proxy.connect(SIM, headers=named("live")) as socket:
            talk = Talk(socket)
            await talk.until("session.created")
            await talk.update(**MANUAL)
            await ask(talk, "marmalade three")
            await recording(proxy.data, "live", "recording")
            assert (await erase(proxy, "--key", "tester"))["sessions"] == 2
            await ask(talk, "marmalade four")
        live = await shown(proxy.data, "live")
        assert [(turn["input"], turn["output"], turn["status"]) for turn in live.turns] == [(None, None, "completed")] * 2
        assert live.session["recording"]["state"] == "erased"
        found = LogReader(proxy.data).findings(session_id=live.session["id"])
        assert [(row["policy"], row["excerpt"], row["content"]) for row in found] == [("spread", None, "erased")] * len(found)
        assert live.session["findings"] == {"policy": len(found)}
        assert len(found) >= 2
        assert LogReader(proxy.data).findings(session_id=(await shown(proxy.data, "second")).session["id"])[0]["content"] == "erased"
        assert await erase(proxy, "--before", "2020-01-01") == {"sessions": 0, "contents": 0, "recordings": 0}
        await talked(proxy, "last", "marmalade five")
        await command("verify", "--data", str(proxy.data))
        assert await proxy.stop() == 0
    assert b"marmalade" not in on_disk(proxy.data)
    assert [path.name for path in (proxy.data / "content").rglob("*.jsonl")] == [f"{(await shown(proxy.data, 'last')).session['id']}.jsonl"]
    assert {path.parent.name for path in (proxy.data / "audio").rglob("*.wav")} == {(await shown(proxy.data, "last")).session["id"]}
    report = json.loads(await command("verify", "--json", "--data", str(proxy.data)))
    assert (report["ok"], report["erased"] > 0, report["texts"] > 0) == (True, True, True)
    acts = LogReader(proxy.data).erasures(order="asc")
    assert [(act["sessions"], act["wanted"].get("key"), act["done_at"] is not None) for act in acts] == [
        (1, None, True),
        (2, "tester", True),
    ]


async def test_retention_at_the_start(tmp_path: Path, simulator: Simulator) -> None:
    async with started_proxy(tmp_path, rules(simulator)) as proxy:
        await talked(proxy, "old", "marmalade")
        await recording(proxy.data, "old", "ready")
        assert await proxy.stop() == 0
    async with started_proxy(tmp_path, rules(simulator, KEEP.replace("1d", "1s"))) as proxy:
        await recording(proxy.data, "old", "erased")
        await said(proxy, r"log.retention: removed the texts of 1 session\(s\), the sound of 1, and 0 day\(s\)")
        assert (await shown(proxy.data, "old")).turns[0]["content"] == "erased"
        assert await proxy.stop() == 0
    assert json.loads(await command("verify", "--json", "--data", str(proxy.data)))["ok"]
