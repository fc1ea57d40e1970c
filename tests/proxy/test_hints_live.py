"""Hints for developers, in the running program: each stands in the log once, changes nothing, and ordinary talk has none."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from proxying import RULES
from proxying import Proxy
from proxying import started_proxy
from rawsocket import TEXT
from rawsocket import RawSocket
from rawsocket import accept
from rawsocket import raw_upstream
from recorded import ended
from recorded import named
from talking import Talk
from typer.testing import CliRunner

from cli.__main__ import app
from simulator import Simulator
from simulator.audio import speak
from store.reader import LogReader

pytestmark = pytest.mark.asyncio(loop_scope="module")

GA = {"type": "realtime", "output_modalities": ["audio"], "audio": {"input": {"format": {"type": "audio/pcm", "rate": 24000}}}}
WAV = b"RIFF\x24\x08\0\0WAVEfmt " + bytes(32)
BUSY = {"type": "invalid_request_error", "code": "conversation_already_has_active_response", "message": "Wait."}


@dataclass
class Stage:
    proxy: Proxy

    async def findings(self, name: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """The record of a session that is over, and what was found in it."""
        record = await ended(self.proxy.data, name)
        return record, LogReader(self.proxy.data).findings(session_id=record["id"], limit=None, order="asc")


async def faulty(connection: RawSocket) -> None:
    """A provider that runs another model, refuses a second request, and forgets to say what its answer used."""
    await accept(connection)
    await tell(connection, "session.created", session={**GA, "id": "sess_1", "model": "gpt-realtime-mini"})
    asked = 0
    while True:
        asked += json.loads(await connection.read_message())["type"] == "response.create"
        if asked == 2:
            break
        if asked == 1:
            await tell(connection, "response.created", response={"id": "r1"})
    await tell(connection, "error", error=BUSY)
    await tell(connection, "response.done", response={"id": "r1", "status": "completed", "output": []})
    await connection.read_close()


async def tell(connection: RawSocket, kind: str, **fields: Any) -> None:
    await connection.send(TEXT, json.dumps({"type": kind, "event_id": "e", **fields}).encode())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with AsyncExitStack() as stack:
        simulator = await stack.enter_async_context(Simulator(pace=0))
        raw = await stack.enter_async_context(raw_upstream({"gpt-realtime": faulty}))
        rules = f"""{RULES}providers:
  sim: {{kind: simulator, url: "http://{simulator.address}"}}
  raw: {{kind: simulator, url: "http://{raw.address}"}}
"""
        yield Stage(await stack.enter_async_context(started_proxy(tmp_path_factory.mktemp("hinted"), rules)))


async def test_every_fault_of_a_session_is_told_once(stage: Stage) -> None:
    async with stage.proxy.connect("/raw/v1/realtime?model=gpt-realtime", headers=named("faulty")) as socket:
        talk = Talk(socket)
        await talk.until("session.created")
        for _ in range(2):
            await talk.say("session.update", session={"modalities": ["text"]})
            for sound in (WAV, bytes(4_801)):
                await talk.say("input_audio_buffer.append", audio=b64encode(sound).decode())
        await talk.say("response.create")
        await talk.until("response.created")
        await talk.say("response.create")
        await talk.until("response.done")
    record, found = await stage.findings("faulty")
    assert record["findings"] == {"hint": 6}
    assert {(one["kind"], one["action"], one["mode"]) for one in found} == {("hint", "warn", "enforce")}
    told = {one["detail"]["code"]: (one["severity"], one["direction"], one["event_type"], one["path"]) for one in found}
    assert told == {
        "model_replaced": ("low", "server", "session.created", None),
        "beta_name": ("low", "client", "session.update", "$.session.modalities"),
        "audio_header": ("low", "client", "input_audio_buffer.append", None),
        "audio_odd_bytes": ("low", "client", "input_audio_buffer.append", None),
        "double_response": ("low", "server", "error", None),
        "usage_missing": ("info", "server", "response.done", None),
    }
    assert all(one["detail"]["reason"] and one["detail"]["advice"].endswith(".") for one in found)
    shown = CliRunner().invoke(app, ["findings", "kind=hint", f"session={record['id']}", "--json", "--data", str(stage.proxy.data)])
    assert (shown.exit_code, shown.stdout.count("usage_missing")) == (0, 1)


async def test_an_ordinary_conversation_has_no_hint(stage: Stage) -> None:
    async with stage.proxy.connect("/sim/v1/realtime?model=gpt-realtime", headers=named("ordinary")) as socket:
        talk = Talk(socket)
        await talk.until("session.created")
        await talk.update(output_modalities=["audio"], audio={"input": {"format": {"type": "audio/pcm", "rate": 24000}}})
        await talk.text("Hello")
        await talk.ask()
        await talk.say("input_audio_buffer.append", audio=b64encode(speak("Good morning")).decode())
        await talk.say("input_audio_buffer.commit")
        await talk.ask(conversation="none")
    record, found = await stage.findings("ordinary")
    assert (record["findings"], found) == ({}, [])
