"""A proxy whose keys and routes may use up only so much, and callers that spend."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from collections.abc import Mapping
from contextlib import AsyncExitStack
from contextlib import asynccontextmanager
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import websockets
from proxying import Proxy
from proxying import hash_of
from proxying import started_proxy
from recorded import named
from talking import Talk
from typer.testing import CliRunner
from websockets.asyncio.client import ClientConnection

from cli.__main__ import app
from simulator import Simulator
from store.reader import LogReader

MODEL = "sim/gpt-realtime"
TURN = 76
"""Tokens of the first answer to `ask`, and the next ones take more: 105, 134, 163."""
THREE_TURNS = 315


def key_of(name: str) -> str:
    """The key of this name."""
    return "vt_" + name.ljust(43, "x")


def rules_with(simulator: Simulator, keys: Mapping[str, str], more: str = "") -> str:
    """Rules with these keys, each with what else stands in its entry."""
    entries = "".join(f'  - {{id: {name}, hash: "{hash_of(key_of(name))}", {limits}}}\n' for name, limits in keys.items())
    return f"""
version: 1
listen: {{gateway: "127.0.0.1:0", control: "127.0.0.1:0"}}
log: {{content: metadata}}
limits: {{per_key: 150}}
keys:
{entries}
providers:
  sim: {{kind: simulator, url: "http://{simulator.address}"}}
  here: {{kind: simulator, url: "http://{simulator.address}", mint: local}}
{more.replace("SIMULATOR", simulator.address)}"""


@dataclass
class Spending:
    """The program, and ways to spend."""

    proxy: Proxy
    simulator: Simulator
    http: httpx2.AsyncClient

    def open(self, key: str, name: str = "", *, model: str = MODEL) -> websockets.connect:
        """A session of this key, called `name` in the log."""
        return self.proxy.connect(f"/v1/realtime?model={model}", key=key_of(key), headers=named(name) if name else None)

    async def refused(self, key: str, *, model: str = MODEL) -> tuple[int, dict[str, Any], Mapping[str, str]]:
        """Status, error and headers of a handshake that must be refused."""
        try:
            async with self.open(key, model=model):
                raise AssertionError("it was let in")
        except websockets.InvalidStatus as error:
            response = error.response
            return response.status_code, json.loads(response.body or b"")["error"], response.headers

    async def refused_in_time(self, key: str) -> tuple[int, dict[str, Any], Mapping[str, str]]:
        """As `refused`, once new rules have taken in what the log knows."""
        for _ in range(100):
            try:
                return await self.refused(key)
            except AssertionError:
                await asyncio.sleep(0.05)
        raise AssertionError("it is let in again and again")

    async def post(self, path: str, body: Any, key: str, **headers: str) -> httpx2.Response:
        fields = {"Authorization": f"Bearer {key_of(key)}", "Content-Type": "application/json", **headers}
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await self.http.post(self.proxy.url(path, "http"), content=content, headers=fields)

    async def mint(self, key: str, provider: str = "here") -> httpx2.Response:
        """The answer to a request for an ephemeral key."""
        return await self.post("/v1/realtime/client_secrets", {"session": {"type": "realtime", "model": f"{provider}/gpt-realtime"}}, key)

    def said(self, words: str) -> list[str]:
        """Lines of the operator's log with these words."""
        return [line for line in self.proxy.output if words in line]

    def findings(self, code: str, principal: str) -> list[dict[str, Any]]:
        """Those of a key with this code, oldest first."""
        found = LogReader(self.proxy.data).findings(limit=None, order="asc")
        return [row for row in found if row["detail"].get("code") == code and row["principal"] == principal]

    def findings_of(self, session: str) -> list[dict[str, Any]]:
        """Those of a session."""
        return LogReader(self.proxy.data).findings(session_id=session, limit=None)

    def sessions(self, key: str) -> list[dict[str, Any]]:
        """The records of a key's sessions."""
        return LogReader(self.proxy.data).sessions(key=key, limit=None, order="asc")


@asynccontextmanager
async def spending(folder: Path, keys: Mapping[str, str], more: str = "") -> AsyncIterator[Spending]:
    """It stands while the block lasts, with its files in `folder`."""
    async with AsyncExitStack() as stack:
        simulator = await stack.enter_async_context(Simulator(pace=0))
        proxy = await stack.enter_async_context(started_proxy(folder, rules_with(simulator, keys, more)))
        http = await stack.enter_async_context(httpx2.AsyncClient(timeout=20, trust_env=False))
        yield Spending(proxy, simulator, http)


async def ask(socket: ClientConnection) -> int:
    """One question and its answer; the tokens that it took."""
    talk = Talk(socket)
    await talk.text("Hello there, how are you?")
    return int((await talk.ask())["usage"]["total_tokens"])


async def spend(socket: ClientConnection) -> tuple[int, str, str]:
    """Ask, one question after the other, until the session is ended: close code and reason, and the message of the error event before."""
    message, asks = "", True
    try:
        while True:
            if asks:
                await _question(Talk(socket))
            event = json.loads(await socket.recv())
            asks = event["type"] == "response.done"
            message = event["error"]["message"] if event["type"] == "error" else message
    except websockets.ConnectionClosed as closed:
        assert closed.rcvd is not None
        return closed.rcvd.code, closed.rcvd.reason, message


async def _question(talk: Talk) -> None:
    """What was said before the session ended is still to be heard."""
    with suppress(websockets.ConnectionClosed):
        await talk.text("Hello there, how are you?")
        await talk.say("response.create")


def billed(data: Path) -> dict[str, float]:
    """What the billing rows of each session add up to."""
    made: dict[str, float] = {}
    for row in LogReader(data).billing():
        made[row["session"]] = made.get(row["session"], 0.0) + (row["cost"] or 0.0)
    return made


def command_json(data: Path, *words: str) -> Any:
    """What a command prints as JSON, run in this process."""
    result = CliRunner().invoke(app, [*words, "--json", "--data", str(data)])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)
