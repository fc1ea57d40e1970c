"""The control port on a real socket over a log of real files, and records to fill that log with."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from dataclasses import field
from dataclasses import fields
from pathlib import Path
from typing import Any

import uvicorn

from addons.figures import Snapshot
from realtime.gates.delays import Delays
from rules.model import Rules
from store.reader import LogReader
from web.control import make_app
from web.guard import Guard
from web.reading import Work

TOKEN = "t0ken"
DAY = "2026-11-21"
Record = dict[str, Any]


def session(number: int, **more: Any) -> Record:
    made = {
        "id": f"ses_{number}",
        "started_at": f"{DAY}T10:{number // 60:02d}:{number % 60:02d}.000Z",
        "ended_at": f"{DAY}T11:{number // 60:02d}:{number % 60:02d}.000Z",
        "transport": "websocket",
        "door": "gateway",
        "principal": "kiosk",
        "route": "eu",
        "provider": "openai",
        "model": "gpt-realtime",
        "grouping": None,
        "turns": 2,
        "usage": {"total_tokens": 1234, "input_tokens": 1000, "output_tokens": 234},
        "cost": {"usd": 0.0123, "priced": True, "partial": False, "source": "a list", "date": "2026-11-01", "lines": []},
        "first_audio": {"p50": 412.0, "p95": 980.0, "last": [412.0, 980.0]},
        "findings": {},
        "recording": None,
        "error": None,
        "close": {"code": 1000, "reason": "", "side": "client"},
    }
    return made | more


def turn(index: int, **more: Any) -> Record:
    made = {
        "session": "ses_1",
        "index": index,
        "id": f"resp_{index}",
        "trigger": "vad",
        "status": "completed",
        "reason": None,
        "error": None,
        "started_at": f"{DAY}T10:00:{10 * index:02d}.000Z",
        "ended_at": f"{DAY}T10:00:{10 * index + 3:02d}.000Z",
        "model": "gpt-realtime",
        "voice": "marin",
        "tools": ["lookup"],
        "input": f"question {index}",
        "input_chars": 10,
        "output": f"answer {index}",
        "output_chars": 8,
        "tool_calls": [],
        "usage": {"total_tokens": 10},
        "cost": {"usd": 0.001, "priced": True, "partial": False, "source": "a list", "date": "", "lines": []},
        "clocks": {"first_audio": 400.0, "response": 3000.0, "since": "speech_stopped"},
        "moments": {"user_began": -2000.0, "user_ended": -100.0, "first_output": 300.0, "first_audio": 300.0, "last_audio": 2000.0},
        "audio": {"in_seconds": 2.0, "out_seconds": 2.5},
        "interrupted": False,
        "truncated_ms": None,
    }
    return made | more


def numbers() -> Snapshot:
    """One session is open; every other number is 0."""
    known = {"active": {"websocket": 1}, "ended_total": {}, "held": Delays(), "generation": 1, "spans": {}, "workers": []}
    return Snapshot(**{field.name: known.get(field.name, 0) for field in fields(Snapshot)})


def here(log: Any) -> Work:
    """Reads in this process, which tests need no other one for."""

    async def work(function: Callable[..., Any], *given: Any, **named: Any) -> Any:
        return await asyncio.to_thread(function, log, *given, **named)

    return work


@dataclass
class Port:
    """A control port that answers; `live` are the sessions that run."""

    data: Path
    live: list[Record] = field(default_factory=list)
    killed: list[str] = field(default_factory=list)
    address: str = ""
    rules: Rules = field(default_factory=lambda: Rules(version=1))

    @property
    def link(self) -> str:
        return f"{self.address}/?token={TOKEN}"

    def app(self, token: str = TOKEN) -> Guard:
        log = LogReader(self.data)
        return make_app(
            log,
            lambda: self.live,
            token,
            self._kill,
            kill_key=lambda key: [],
            note=lambda refused: None,
            numbers=numbers,
            rules=lambda: self.rules,
            gateway="127.0.0.1:8787",
            work=here(log),
        )

    def _kill(self, session: str) -> bool:
        self.killed.append(session)
        return True


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def served(data: Path, live: list[Record] | None = None) -> AsyncIterator[Port]:
    """The port over a data folder while the block runs."""
    port = Port(data, live or [])
    listener = socket.create_server(("127.0.0.1", 0))
    port.address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    app = port.app()
    server = _Server(uvicorn.Config(app, log_config=None, lifespan="off", ws="none"))
    task = asyncio.create_task(server.serve([listener]))
    try:
        yield port
    finally:
        await app.close()
        server.should_exit = True
        await task
