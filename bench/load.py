"""The client side of the load: raw-socket WebSocket sessions with prebuilt masked frames and byte counting."""

from __future__ import annotations

import asyncio
import base64
import os
from contextlib import suppress
from time import perf_counter
from typing import Final

from bench import events
from bench.clock import Line
from bench.peers import Target
from bench.wire import CLOSE
from bench.wire import PING
from bench.wire import PONG
from bench.wire import Walker
from bench.wire import client_frame

PATIENCE: Final = 30.0
"""Seconds without the awaited messages after which a proxy counts as stuck."""


class Refused(Exception):
    """The upgrade was answered with something other than 101; carries the start of the answer."""


class Stuck(Exception):
    """The proxy closed the session or did not deliver in time."""


class Session(asyncio.Protocol):
    """One client session. `received` counts whole messages from the upstream, whatever they are."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._walker = Walker(self._on_control)
        self._head: bytes | None = b""
        self._goal = 0
        self._reached: asyncio.Future[None] | None = None
        self._upgraded = asyncio.get_running_loop().create_future()
        self._writable = asyncio.Event()
        self._writable.set()
        self._over = asyncio.Event()
        self.closed: str | None = None
        """Why the session is over, or None while it lives."""
        self.ended: float | None = None
        """When that was."""
        self.line: Line | None = None
        """When set, every received message is timed as an arrival on it."""

    @classmethod
    async def open(cls, target: Target) -> Session:
        """Connects and waits for 101 and `session.created`. Raises Refused or Stuck."""
        loop = asyncio.get_running_loop()
        _, session = await loop.create_connection(lambda: cls(target), target.host, target.port)
        async with asyncio.timeout(PATIENCE):
            await session._upgraded
        await session.until(1)
        return session

    @property
    def received(self) -> int:
        return self._walker.messages

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        key = base64.b64encode(os.urandom(16)).decode()
        fields = {
            "Host": f"{self._target.host}:{self._target.port}",
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": key,
            "Sec-WebSocket-Version": "13",
            **self._target.headers,
        }
        lines = [f"GET {self._target.path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
        transport.write("\r\n".join(lines).encode())

    def data_received(self, data: bytes) -> None:
        if self._head is not None:
            data = self._answered(self._head + data)
        arrived = self._walker.feed(data)
        if arrived and self.line:
            self.line.arrive(arrived)
        if self._reached and self.received >= self._goal:
            self._settle(None)

    def _answered(self, data: bytes) -> bytes:
        head, end, rest = data.partition(b"\r\n\r\n")
        if not end:
            self._head = data
            return b""
        if b" 101 " not in head.split(b"\r\n", 1)[0]:
            self._fail(Refused(data[:400].decode(errors="replace")))
            return b""
        self._head = None
        self._upgraded.set_result(None)
        return rest

    def _on_control(self, opcode: int, payload: bytes) -> None:
        if opcode == PING:
            self.transport.write(client_frame(payload, PONG))
        elif opcode == CLOSE:
            self._end(f"close {int.from_bytes(payload[:2], 'big')} {payload[2:].decode(errors='replace')}")
            self.transport.write(client_frame(payload, CLOSE))

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(f"connection lost: {exc or 'end of stream'}")
        self._fail(Stuck(self.closed))
        self._writable.set()

    def _end(self, why: str) -> None:
        self.closed = self.closed or why
        self.ended = self.ended or perf_counter()
        self._over.set()

    def _fail(self, error: Exception) -> None:
        if not self._upgraded.done():
            self._upgraded.set_exception(error)
        self._settle(error)

    def _settle(self, error: Exception | None) -> None:
        future, self._reached = self._reached, None
        if future and not future.done():
            future.set_exception(error) if error else future.set_result(None)

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    async def write(self, frames: bytes) -> None:
        """Sends prebuilt frames, waiting while the socket's buffer is full. Raises Stuck once the session is over."""
        if self.closed:
            raise Stuck(self.closed)
        self.transport.write(frames)
        async with asyncio.timeout(PATIENCE):
            await self._writable.wait()

    async def until(self, received: int) -> None:
        """Waits until that many messages have come in all. Raises Stuck."""
        if self.received >= received:
            return
        if self.closed:
            raise Stuck(self.closed)
        self._goal = received
        self._reached = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(PATIENCE):
                await self._reached
        except TimeoutError:
            raise Stuck(f"{self.received} of {received} messages after {PATIENCE:.0f} s of waiting") from None

    async def ask(self, frames: bytes, answers: int) -> None:
        """Sends frames and waits for so many more messages."""
        goal = self.received + answers
        await self.write(frames)
        await self.until(goal)

    async def named(self, name: str, *, echo: bool = False) -> None:
        """Tells the upstream which session this is."""
        await self.ask(client_frame(events.session_update(name, echo=echo)), 1)

    async def close(self) -> None:
        """Says goodbye with 1000 and waits for the other side, at most two seconds."""
        if not self.closed:
            self.transport.write(client_frame((1_000).to_bytes(2, "big"), CLOSE))
            with suppress(TimeoutError):
                async with asyncio.timeout(2):
                    await self._over.wait()
        self.transport.abort()
