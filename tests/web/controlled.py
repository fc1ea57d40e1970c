"""A control port on a real socket over a small log of real files, for the tests of what it answers."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from portserver import here
from portserver import numbers

from addons.floods import Refused
from rules.model import Rules
from store.days import file_of
from store.days import folder_of
from store.export.native import FIELDS
from store.reader import LogReader
from store.table import AppendDB
from web.control import make_app

TOKEN = "t0ken"


def session(number: int, **more: Any) -> dict[str, Any]:
    made = {
        "id": f"ses_{number}",
        "started_at": f"2026-11-21T10:00:{number:02d}.000Z",
        "ended_at": f"2026-11-21T10:01:{number:02d}.000Z",
        "principal": "kiosk",
        "provider": "openai",
        "model": "gpt-realtime",
        "transport": "websocket",
        "grouping": None,
        "close": {"code": 1000, "reason": "", "side": "client"},
    }
    return made | more


def turn(index: int, **more: Any) -> dict[str, Any]:
    made = {"session": "ses_2", "index": index, "status": "completed", "started_at": f"2026-11-21T10:00:{index:02d}.000Z"}
    return made | more


def finding(number: int, **more: Any) -> dict[str, Any]:
    made = dict.fromkeys(FIELDS) | {
        "id": f"fnd_{number}",
        "at": f"2026-11-21T10:00:{number:02d}.000Z",
        "kind": "policy",
        "severity": "high",
        "action": "redact",
        "mode": "enforce",
        "policy": "cards",
        "principal": "kiosk",
        "provider": "openai",
        "model": "gpt-realtime",
        "route": "eu",
        "session": "ses_2",
        "detail": {},
    }
    return made | more


class Proxy:
    """Live sessions, and the sessions that were asked to end."""

    def __init__(self) -> None:
        self.now = [session(4, ended_at=None, close=None, model="live-model")]
        self.killed: list[str] = []
        self.refused: list[Refused] = []

    def live(self) -> list[dict[str, Any]]:
        return self.now

    def kill(self, session: str) -> bool:
        self.killed.append(session)
        return any(record["id"] == session for record in self.now)

    def kill_key(self, key: str) -> list[str]:
        return [record["id"] for record in self.now if record["principal"] == key]


@pytest.fixture
def proxy() -> Proxy:
    return Proxy()


@pytest.fixture
def log(tmp_path: Path) -> LogReader:
    """A log of real files: four sessions, the second with two turns, and three findings."""
    database = AppendDB(file_of(folder_of(tmp_path), "2026-11-21"))
    database.table("sessions").insert_multiple(
        [
            session(1),
            session(2, provider="azure-eu", grouping="call-7", turns=2, usage={"total_tokens": 446}, cost={"usd": 0.25, "partial": True}),
            session(3, principal="lab", grouping="call-8", close={"code": 1011, "reason": "lost", "side": "upstream"}),
            session(4, ended_at=None, close=None),
        ]
    )
    for row in (
        turn(0, input="The Weather"),
        turn(1, status="cancelled", input="bye"),
        turn(0, session="ses_3", started_at="2026-11-21T10:00:09.000Z"),
    ):
        database.table("turns").insert(row)
    refused = finding(3, kind="refusal", severity="low", action="refuse", policy=None, session=None, principal="lab", route=None)
    database.table("findings").insert_multiple([finding(1), finding(2, turn=1, mode="monitor", model="m", provider="sim"), refused])
    database.close()
    return LogReader(tmp_path)


class Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@pytest.fixture
async def client(log: LogReader, proxy: Proxy) -> AsyncIterator[httpx.AsyncClient]:
    listener = socket.create_server(("127.0.0.1", 0))
    app = make_app(
        log,
        proxy.live,
        TOKEN,
        proxy.kill,
        kill_key=proxy.kill_key,
        note=proxy.refused.append,
        numbers=numbers,
        rules=lambda: Rules(version=1),
        gateway="127.0.0.1:8787",
        work=here(log),
        hosts=("voice.internal",),
    )
    server = Server(uvicorn.Config(app, log_config=None, lifespan="off", ws="none"))
    task = asyncio.create_task(server.serve([listener]))
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    async with httpx.AsyncClient(base_url=address, headers={"authorization": f"Bearer {TOKEN}"}, trust_env=False) as made:
        yield made
    server.should_exit = True
    await task


async def refusal(client: httpx.AsyncClient, path: str, **more: Any) -> tuple[int, str]:
    found = await client.get(path, **more)
    error = found.json()["error"]
    assert set(error) == {"message", "type", "code", "param"}
    return found.status_code, error["message"]
