"""A provider that makes ephemeral keys: a real HTTP server that keeps every byte it was sent, and answers as the model's name asks."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from collections.abc import Callable
from collections.abc import Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from dataclasses import field
from typing import Any
from typing import Final

from rawsocket import RawSocket

LIFE: Final = 120
"""Seconds for which its own keys are good."""


@dataclass
class Asked:
    """One request as it came."""

    line: str
    headers: dict[str, str]
    body: bytes
    received: bytes = field(repr=False)

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


@dataclass(frozen=True)
class Reply:
    status: int
    body: bytes
    headers: tuple[str, ...] = ()


Answer = Callable[[Asked, str], Reply | None]
"""Makes the reply to a request, given a new key; None for none at all."""


def minted(asked: Asked, key: str) -> Reply:
    """What OpenAI answers, in the shape of the path."""
    expires = int(time.time()) + LIFE
    if asked.line.split("?")[0].split()[1].endswith("/sessions") or "transcription_sessions" in asked.line:
        return reply({"id": "sess_up", "object": "realtime.session", "client_secret": {"value": key, "expires_at": expires}})
    session = {"id": "sess_up", "object": "realtime.session", "type": "realtime", **asked.json.get("session", {})}
    return reply({"value": key, "expires_at": expires, "session": session})


def reply(body: Any, status: int = 200, *headers: str) -> Reply:
    return Reply(status, json.dumps(body).encode(), headers)


class MintServer:
    """`seen` are its requests, `keys` what it made for each, both in order."""

    def __init__(self, answers: Mapping[str, Answer]) -> None:
        self.answers = answers
        self.seen: list[Asked] = []
        self.keys: list[str] = []
        self.address = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = RawSocket(reader, writer, client=False)
        try:
            while True:
                await self._one(connection)
        except (asyncio.IncompleteReadError, OSError, TimeoutError):
            pass  # the other side is done
        finally:
            await connection.end()

    async def _one(self, connection: RawSocket) -> None:
        head = await connection.read_head()
        body = await connection.read_body() if "content-length" in connection.headers else b""
        asked = Asked(head.split("\r\n", 1)[0], connection.headers, body, bytes(connection.received))
        connection.received.clear()
        self.seen.append(asked)
        self.keys.append(f"ek_theirs_{len(self.keys):03d}_0123456789abcdefghijklmnop")
        found = self._answer(asked)(asked, self.keys[-1])
        if found is None:
            await connection.read_to_end()
            return
        length = f"Content-Length: {len(found.body)}"
        lines = [f"HTTP/1.1 {found.status} X", "Content-Type: application/json", length, *found.headers, "", ""]
        await connection.write("\r\n".join(lines).encode() + found.body)

    def _answer(self, asked: Asked) -> Answer:
        """By a name that stands anywhere in the body."""
        return next((answer for name, answer in self.answers.items() if name.encode() in asked.body), minted)


@asynccontextmanager
async def mint_server(answers: Mapping[str, Answer]) -> AsyncIterator[MintServer]:
    """It serves on loopback while the block lasts."""
    made = MintServer(answers)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0, limit=1 << 20)
    made.address = "{}:{}".format(*server.sockets[0].getsockname()[:2])
    yield made
    server.close()
