"""The provider of the benchmark: a WebSocket server on loopback that speaks just enough GA realtime to keep a proxy busy.

It runs in the process of the load, on an asyncio protocol with prebuilt frames: 101, `session.created`, appends counted
(or echoed as audio deltas), `commit` acknowledged, `response.create` answered with as many deltas as it asks for.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from collections.abc import Iterator
from contextlib import asynccontextmanager
from functools import cache
from itertools import count
from itertools import repeat
from time import perf_counter
from typing import Any
from typing import Final

from bench import events
from bench.clock import Line
from bench.wire import CLOSE
from bench.wire import PING
from bench.wire import PONG
from bench.wire import Walker
from bench.wire import accept_key
from bench.wire import server_frame

_PEEK: Final = 1_024
"""Client events up to this size are read; anything longer is an append and only counted."""

_ids = count(1)


@cache
def _answer(deltas: int, size: int, transcript: bool) -> bytes:
    audio = server_frame(events.audio_delta(size))
    words = (server_frame(events.transcript_delta(index)) if transcript else b"" for index in range(deltas))
    return b"".join(audio + word for word in words)


@cache
def _fixed(name: str) -> bytes:
    made = {
        "session.created": lambda: events.session("session.created"),
        "session.updated": lambda: events.session("session.updated"),
        "created": events.response_created,
        "committed": events.committed,
        "done": events.response_done,
        "audio": events.audio_delta,
        "transcript": events.transcript_delta,
    }
    return server_frame(made[name]())


ECHO: Final = server_frame(events.audio_delta(events.APPEND))


class Upstream(asyncio.Protocol):
    """One upstream session; found by the name the client gave in its `session.update`."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._walker = Walker(self._on_payload, _PEEK)
        self._head: bytes | None = b""
        self._echo = False
        self._id = events.RESPONSE.encode()
        self._pending: Iterator[bytes] = iter(())
        self._paused = False
        self.line: Line | None = None
        """When set, every append is timed as an arrival on it."""
        self.ended: float | None = None
        """When the session was closed, or lost."""

    @property
    def appends(self) -> int:
        return self._walker.messages

    @property
    def received(self) -> int:
        """Bytes, headers and control frames included."""
        return self._walker.bytes

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._server.live.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended = self.ended or perf_counter()
        self._server.live.discard(self)
        self._pending = iter(())

    def data_received(self, data: bytes) -> None:
        if self._head is not None:
            data = self._upgrade(self._head + data)
        arrived = self._walker.feed(data)
        if arrived and self.line:
            self.line.arrive(arrived)
        if arrived and self._echo:
            self.transport.write(ECHO * arrived)

    def _upgrade(self, data: bytes) -> bytes:
        head, end, rest = data.partition(b"\r\n\r\n")
        if not end:
            self._head = data
            return b""
        self._head = None
        fields = dict(line.split(b":", 1) for line in head.split(b"\r\n")[1:])
        key = next((value.strip() for name, value in fields.items() if name.lower() == b"sec-websocket-key"), None)
        if key is None:
            self.transport.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            self.transport.close()
            return b""
        answer = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
        self.transport.write(answer + accept_key(key) + b"\r\n\r\n" + _fixed("session.created"))
        return rest

    def _on_payload(self, opcode: int, payload: bytes) -> None:
        if opcode == PING:
            self.transport.write(server_frame(payload, PONG))
        elif opcode == CLOSE:
            self.ended = self.ended or perf_counter()
            self.transport.write(server_frame(payload, CLOSE))
            self.transport.close()
        elif opcode != PONG:
            event = json.loads(payload)
            _ON[event["type"]](self, event)

    def on_update(self, event: dict[str, Any]) -> None:
        name, _, mode = event["session"].get("instructions", "").partition(" ")
        if name:
            self._server.named[name] = self
            self._echo = mode == "echo"
        self.transport.write(_fixed("session.updated"))

    def on_commit(self, _: dict[str, Any]) -> None:
        self.transport.write(_fixed("committed"))

    def on_create(self, event: dict[str, Any]) -> None:
        wanted = event["response"]["metadata"]
        self.begin()
        body = self._own(_answer(min(int(wanted["deltas"]), 50), int(wanted["size"]), wanted["transcript"] == "yes"))
        whole = repeat(body, -(-int(wanted["deltas"]) // 50))
        self._pending = iter((*whole, self._own(_fixed("done"))))
        self._pump()

    def begin(self) -> None:
        """Sends `response.created` under a fresh response id."""
        self._id = b"resp_%020d" % next(_ids)
        self.send("created")

    def send(self, name: str) -> None:
        """Sends one prebuilt event of the response in progress: `created`, `audio`, `transcript` or `done`."""
        self.transport.write(self._own(_fixed(name)))

    def _own(self, frames: bytes) -> bytes:
        return frames.replace(events.RESPONSE.encode(), self._id)

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._pump()

    def _pump(self) -> None:
        while not self._paused and (chunk := next(self._pending, None)):
            self.transport.write(chunk)


_ON: Final = {
    "session.update": Upstream.on_update,
    "input_audio_buffer.commit": Upstream.on_commit,
    "response.create": Upstream.on_create,
}


class Server:
    """The listening side: its port, the sessions that are open now, and those that named themselves."""

    def __init__(self) -> None:
        self.port = 0
        self.live: set[Upstream] = set()
        self.named: dict[str, Upstream] = {}

    async def emptied(self, seconds: float = 10.0) -> bool:
        """Waits until every session is gone; False when some were still open at the end."""
        for _ in range(int(seconds / 0.05)):
            if not self.live:
                return True
            await asyncio.sleep(0.05)
        return not self.live


@asynccontextmanager
async def serving() -> AsyncIterator[Server]:
    server = Server()
    listener = await asyncio.get_running_loop().create_server(lambda: Upstream(server), "127.0.0.1", 0, backlog=1_024)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        for session in tuple(server.live):
            session.transport.abort()
