"""The provider of the calls: answers offers over HTTP on loopback with a leg of its own, in the process of the load."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextlib import suppress
from itertools import count

from bench import events
from bench.calls import sdp
from bench.calls.leg import Leg
from bench.calls.leg import Lost

_ids = count(1)


class Provider:
    """Knows its live legs, and by which name each caller introduced itself. Its legs are `strict` as in LoopbackConnection."""

    def __init__(self, *, strict: bool = False) -> None:
        self._strict = strict
        self.port = 0
        self.live: set[Leg] = set()
        self.failed: list[str] = []
        """Why legs did not connect."""
        self._named: dict[str, asyncio.Future[Leg]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def expect(self, name: str) -> asyncio.Future[Leg]:
        """The leg of the caller that will say this name in its first event."""
        self._named[name] = asyncio.get_running_loop().create_future()
        return self._named[name]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Requests of one connection, one after the other."""
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                lines = head.lower().split("\r\n")
                length = next((int(line.split(":")[1]) for line in lines if line.startswith("content-length:")), 0)
                writer.write(await self._answer(head.split(" ", 2)[1], await reader.readexactly(length)))
                await writer.drain()
        writer.close()

    async def _answer(self, path: str, body: bytes) -> bytes:
        if not path.partition("?")[0].endswith("/calls"):
            return b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
        remote = sdp.read(body.decode())
        leg = Leg(offering=False, strict=self._strict)
        answer = (await leg.describe("active", remote)).encode()
        self._watch(leg, remote)
        head = f"Location: /v1/realtime/calls/rtc_{next(_ids)}\r\nContent-Type: application/sdp\r\nContent-Length: {len(answer)}"
        return f"HTTP/1.1 201 Created\r\n{head}\r\n\r\n".encode() + answer

    def _watch(self, leg: Leg, remote: sdp.Remote) -> None:
        self.live.add(leg)
        task = asyncio.create_task(self._run(leg, remote))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, leg: Leg, remote: sdp.Remote) -> None:
        """A leg's whole life: connects, greets, and goes when the other side goes."""
        leg.on_event = lambda text: self._introduced(leg, text)
        try:
            await leg.connect(remote)
            await leg.ready.wait()
            leg.say(events.session("session.created").decode())
            await leg.over.wait()
        except Lost as error:
            self.failed.append(str(error))
        finally:
            self.live.discard(leg)
            await leg.stop()

    def _introduced(self, leg: Leg, text: str) -> None:
        name = json.loads(text)["session"]["instructions"]
        if waiting := self._named.pop(name, None):
            waiting.set_result(leg)

    async def emptied(self, seconds: float = 10.0) -> bool:
        """Waits until every leg is gone; False when some were still there at the end."""
        for _ in range(int(seconds / 0.05)):
            if not self._tasks:
                return True
            await asyncio.sleep(0.05)
        return not self._tasks

    async def close(self) -> None:
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def providing(*, strict: bool = False) -> AsyncIterator[Provider]:
    provider = Provider(strict=strict)
    server = await asyncio.start_server(provider.serve, "127.0.0.1", 0)
    provider.port = server.sockets[0].getsockname()[1]
    try:
        yield provider
    finally:
        server.close()
        await provider.close()
