"""The media worker without the proxy: what stands in for it places calls over the control API and passes events on unread."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextlib import suppress
from pathlib import Path
from typing import Any
from typing import Final

import httpx2

from bench import machine
from bench.calls.ask import ask
from bench.calls.target import PATH
from bench.calls.target import CallTarget
from bench.peers import ROOT
from bench.process import tail

_SETTINGS: Final[dict[str, Any]] = {"bind": None, "ports": None, "public": None, "stun": None, "turn": None, "calls": 100}
_TIMES: Final = {"setup_seconds": 15, "silence_seconds": 6, "grace_seconds": 20}
_RATES: Final = {"setups": (1000, 1.0), "events": (100_000, 1.0)}
"""Nothing here is about them."""
_SDP: Final = {"Content-Type": "application/sdp"}
_READY: Final = re.compile(r"sidecar ready (\S+):(\d+)")
_CHUNK: Final = 1 << 16


class StandIn:
    """Takes offers from callers, and the events WebSockets of the worker, whose bytes it joins without looking at them."""

    def __init__(self, provider: int) -> None:
        self.events = ("", 0)
        self.worker: httpx2.AsyncClient | None = None
        self._provider = provider
        self._tickets: dict[str, str] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            if head.startswith("GET"):
                await self._join(head, reader, writer)
            else:
                length = next(int(line.split(":")[1]) for line in head.lower().split("\r\n") if line.startswith("content-length:"))
                status, text = await self._placed((await reader.readexactly(length)).decode())
                writer.write(f"HTTP/1.1 {status} Done\r\nContent-Length: {len(text.encode())}\r\n\r\n{text}".encode())
                await writer.drain()
        writer.close()

    async def _placed(self, offer: str) -> tuple[int, str]:
        try:
            return 201, await self._place(offer)
        except httpx2.HTTPStatusError as error:
            return error.response.status_code, error.response.text

    async def _place(self, offer: str) -> str:
        call = f"call_{secrets.token_hex(13)}"
        client, self._tickets[call] = secrets.token_hex(16), secrets.token_hex(16)
        scopes = {"client_scope": "local", "upstream_scope": "local", "record": None}
        told = await self._tell("/calls", {"id": call, "offer": offer, "ticket": client, "upstream_ticket": self._tickets[call], **scopes})
        reply = await ask(self._provider, "POST", PATH, _SDP, told["offer"])
        return str((await self._tell(f"/calls/{call}/answer", {"answer": reply.body}))["answer"])

    async def _tell(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        assert self.worker
        reply = await self.worker.post(path, json=body)
        reply.raise_for_status()
        told: dict[str, Any] = reply.json()
        return told

    async def _join(self, head: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        call = head.split("call_id=", 1)[1].split(" ", 1)[0]
        lines = [line for line in head.split("\r\n")[1:] if not line.lower().startswith("authorization:")]
        inner, outer = await asyncio.open_connection(*self.events)
        request = (f"GET /calls/{call} HTTP/1.1", f"Authorization: Bearer {self._tickets.pop(call)}", *lines)
        outer.write("\r\n".join(request).encode())
        await asyncio.gather(_pump(reader, outer), _pump(inner, writer))


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await source.read(_CHUNK):
            sink.write(data)
    sink.close()


async def _ready(process: asyncio.subprocess.Process, log: Path) -> tuple[str, int]:
    assert process.stdout
    found = _READY.match((await process.stdout.readline()).decode())
    if not found:
        raise RuntimeError(f"the media worker did not get ready: {tail(log)}")
    return found[1], int(found[2])


@asynccontextmanager
async def worker(provider: int, home: Path) -> AsyncIterator[CallTarget]:
    stand_in, token, path = StandIn(provider), secrets.token_hex(16), home / "worker"
    server = await asyncio.start_server(stand_in.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    pipe, command = asyncio.subprocess.PIPE, (sys.executable, "-m", "sidecar", "--socket", str(path))
    with (home / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=log)
    machine.pin(process.pid)
    headers, uds = {"Authorization": f"Bearer {token}"}, httpx2.AsyncHTTPTransport(uds=str(path))
    try:
        assert process.stdin
        settings = {"token": token, "gateway": f"127.0.0.1:{port}", **_SETTINGS, **_TIMES, **_RATES}
        process.stdin.write(json.dumps(settings).encode() + b"\n")
        stand_in.events = await _ready(process, home / "log")
        async with httpx2.AsyncClient(transport=uds, base_url="http://worker", headers=headers) as stand_in.worker:
            yield CallTarget(port, process.pid, media=lambda: process.pid)
    finally:
        server.close()
        if process.returncode is None:
            process.terminate()
        await process.wait()
