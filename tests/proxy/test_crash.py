"""A proxy that is killed in the middle of conversations: what was acknowledged is there, what was open is completed, usage is kept."""

from __future__ import annotations

import asyncio
import json
import random
import signal
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from proxying import RULES
from proxying import Proxy
from proxying import command
from proxying import started_proxy
from rawsocket import TEXT
from rawsocket import RawSocket
from rawsocket import accept
from rawsocket import raw_upstream
from rawsocket import upgraded
from recorded import named
from recorded import shown

from simulator import Simulator
from simulator.audio import silence
from store.reader import LogReader

pytestmark = pytest.mark.asyncio(loop_scope="module")

RAW = "/v1/realtime?model=raw/gpt-realtime"
TRANSLATE = "/v1/realtime/translations?model=sim/gpt-realtime-translate"
CLOSE = {"code": 1006, "reason": "proxy stopped without closing the session", "side": "proxy"}
CONTRACT = {"id", "started_at", "ended_at", "transport", "principal", "route", "provider", "model", "turns", "usage", "cost", "close"}
OFTEN = """
from addons import sessions

sessions.JOURNAL_SECONDS = 0.2
"""


@dataclass
class Bench:
    """Where proxies are started, one after the other on the same log."""

    folder: Path
    rules: str
    script: Path

    def started(self) -> Any:
        return started_proxy(self.folder, self.rules, words=("--script", str(self.script)))

    @property
    def data(self) -> Path:
        return self.folder / "data"


async def converse(connection: RawSocket) -> None:
    """Answers every `response.create`; one with instructions `stop halfway` is never finished."""
    await accept(connection)
    number = 0
    while True:
        request = json.loads(await connection.read_message())
        number += 1
        answer = {"id": f"resp_{number}", "status": "in_progress", "output": [], "usage": None}
        await say(connection, {"type": "response.created", "response": answer})
        delta = {"response_id": answer["id"], "item_id": f"item_{number}", "output_index": 0, "content_index": 0, "delta": "Yes. "}
        await say(connection, {"type": "response.output_text.delta", **delta})
        if request.get("response", {}).get("instructions") != "stop halfway":
            usage = {"total_tokens": 30, "input_tokens": 10, "output_tokens": 20}
            await say(connection, {"type": "response.done", "response": {**answer, "status": "completed", "usage": usage}})


async def say(connection: RawSocket, event: dict[str, Any]) -> None:
    await connection.send(TEXT, json.dumps({"event_id": "e", **event}).encode())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bench(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    folder = tmp_path_factory.mktemp("crash")
    script = folder / "often.py"
    script.write_text(OFTEN)
    async with AsyncExitStack() as stack:
        raw = await stack.enter_async_context(raw_upstream({"gpt-realtime": converse}))
        simulator = await stack.enter_async_context(Simulator(pace=0))
        rules = f"""{RULES}
providers:
  raw: {{kind: compatible, url: "http://{raw.address}/v1"}}
  sim: {{kind: simulator, url: "http://{simulator.address}"}}
"""
        yield Bench(folder, rules, script)


async def one_turn(client: RawSocket) -> None:
    await client.send(TEXT, b'{"type":"response.create"}')
    while b'"response.done"' not in await client.read_message():
        pass


async def until(data: Path, grouping: str, wanted: Any) -> dict[str, Any]:
    """The session of this name as it stands on the disk, once it is as wanted."""
    reader = LogReader(data)
    for _ in range(600):
        found = [session for session in reader.sessions() if session["grouping"] == grouping]
        if found and wanted(found[0]):
            return found[0]
        await asyncio.sleep(0.02)
    raise AssertionError(f"{grouping} never became as wanted: {found}")


async def kill(proxy: Proxy) -> None:
    assert await proxy.stop(signal.SIGKILL) == -signal.SIGKILL


async def listed(data: Path) -> dict[str, dict[str, Any]]:
    """What `sessions --json` prints, by grouping id."""
    found = json.loads(await command("sessions", "--json", "--data", str(data)))
    assert all(set(session) >= CONTRACT for session in found)
    return {session["grouping"]: session for session in found}


async def test_a_conversation_cut_by_a_kill_is_completed_at_the_next_start(bench: Bench) -> None:
    async with bench.started() as proxy, upgraded(proxy.gateway, RAW, headers=named("cut")) as client:
        await one_turn(client)
        await one_turn(client)
        await client.send(TEXT, b'{"type":"response.create","response":{"instructions":"stop halfway"}}')
        while b"output_text.delta" not in await client.read_message():
            pass
        await until(bench.data, "cut", lambda session: session["usage"]["total_tokens"] == 60)
        up = (await listed(bench.data))["cut"]
        assert (up["ended_at"], up["usage"]["total_tokens"]) == (None, 60)
        await kill(proxy)
        assert await client.read_to_end() == b""
    killed = (await listed(bench.data))["cut"]
    assert (killed["ended_at"], killed["usage"]["total_tokens"]) == (None, 60)

    async with bench.started() as proxy:
        found = await shown(bench.data, "cut")
        assert found.session["close"] == CLOSE
        assert found.session["ended_at"] >= found.session["started_at"]
        assert [turn["status"] for turn in found.turns][:2] == ["completed", "completed"]
        assert all(turn["status"] == "interrupted" for turn in found.turns[2:])
        assert found.session["usage"]["total_tokens"] == 60
        assert [line for line in proxy.output if f"{found.session['id']}: completed after a crash" in line]
        async with upgraded(proxy.gateway, RAW, headers=named("afterwards")) as client:
            await one_turn(client)
            await until(bench.data, "afterwards", lambda session: session["turns"] == 1)
    down = await listed(bench.data)
    assert down["cut"]["close"] == CLOSE
    assert (down["afterwards"]["turns"], down["afterwards"]["close"]["side"]) == (1, "client")


async def test_no_acknowledged_turn_is_lost_whenever_the_kill_comes(bench: Bench) -> None:
    acknowledged: dict[str, int] = {}
    chance = random.Random(7)
    for run in range(3):
        async with bench.started() as proxy, AsyncExitStack() as stack:
            for name, turns in acknowledged.items():
                await assert_kept(bench.data, name, turns)
            names = [f"run{run}-{number}" for number in range(4)]
            clients = [await stack.enter_async_context(upgraded(proxy.gateway, RAW, headers=named(name))) for name in names]
            talking = [asyncio.create_task(talk_until_cut(client)) for client in clients]
            await until(bench.data, names[0], lambda session: session["turns"] >= 3)
            await asyncio.sleep(chance.random() / 5)
            acknowledged = completed_turns(bench.data, names)
            await kill(proxy)
            await asyncio.gather(*talking)


def completed_turns(data: Path, names: list[str]) -> dict[str, int]:
    """How many turns of each session are on the disk."""
    reader = LogReader(data)
    sessions = {session["grouping"]: session["id"] for session in reader.sessions()}
    return {name: sum(turn["status"] == "completed" for turn in reader.turns(sessions[name])) for name in names}


async def assert_kept(data: Path, name: str, turns: int) -> None:
    found = await shown(data, name)
    completed = len([turn for turn in found.turns if turn["status"] == "completed"])
    assert found.session["close"] == CLOSE
    assert completed >= turns > 0
    assert found.session["usage"]["total_tokens"] == 30 * completed


async def talk_until_cut(client: RawSocket) -> None:
    try:
        while True:
            await one_turn(client)
    except (asyncio.IncompleteReadError, OSError):
        return


async def test_a_session_without_turns_keeps_its_seconds(bench: Bench) -> None:
    sound = b64encode(silence(1000)).decode()
    append = json.dumps({"type": "session.input_audio_buffer.append", "audio": sound}).encode()
    async with bench.started() as proxy, upgraded(proxy.gateway, TRANSLATE, headers=named("translated")) as client:
        await client.read_message()
        for _ in range(5):
            await client.send(TEXT, append)
        before = await until(bench.data, "translated", lambda session: session["audio"]["in_seconds"] >= 5)
        assert before["ended_at"] is None
        await kill(proxy)
    async with bench.started():
        found = await shown(bench.data, "translated")
        assert found.session["close"] == CLOSE
        assert found.session["audio"]["in_seconds"] >= 5
        assert found.session["cost"] == before["cost"]
        assert found.session["cost"]["usd"] > 0
