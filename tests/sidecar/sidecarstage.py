"""The people around a worker, all real: a browser and a provider made of aiortc peers, and a proxy that passes events through."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any

from aiortc import AudioStreamTrack
from aiortc import RTCDataChannel
from aiortc import RTCPeerConnection
from aiortc import RTCSessionDescription
from aiortc.contrib.media import MediaBlackhole
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect
from websockets.asyncio.server import Server
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request
from websockets.http11 import Response

from addons.sidecar import OfferedCall
from addons.sidecar import Recording
from addons.sidecar import SidecarError
from addons.sidecar import WorkerConfig
from addons.workerprocess import WorkerProcess

SECONDS = 20.0
"""The longest a test waits for anything."""


class Peer:
    """A browser, or the provider's end: sends silence, swallows sound, keeps the messages of its data channel."""

    def __init__(self) -> None:
        self.connection = RTCPeerConnection()
        self.channel: RTCDataChannel | None = None
        self.open = asyncio.Event()
        self.closed = asyncio.Event()
        self.messages: asyncio.Queue[str | bytes] = asyncio.Queue()
        self.ended = asyncio.Event()
        self.connection.on("connectionstatechange", self._changed)
        self.connection.on("datachannel", self.take)
        self.connection.on("track", self._heard)
        self._sink = MediaBlackhole()

    async def offer(self, label: str | None = "oai-events") -> str:
        """A browser's offer: audio, and a data channel unless there is to be none."""
        self.connection.addTrack(AudioStreamTrack())
        if label is not None:
            self.take(self.connection.createDataChannel(label))
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return self.connection.localDescription.sdp

    async def answer(self, offer: str) -> str:
        """A provider's answer."""
        await self.connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        self.connection.addTrack(AudioStreamTrack())
        await self.connection.setLocalDescription(await self.connection.createAnswer())
        return self.connection.localDescription.sdp

    async def accept(self, answer: str) -> None:
        await self.connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    def take(self, channel: RTCDataChannel) -> None:
        """Talk through this channel."""
        self.channel = channel
        channel.on("open", self.open.set)
        channel.on("close", self.closed.set)
        channel.on("message", self.messages.put_nowait)
        if channel.readyState == "open":
            self.open.set()

    async def say(self, message: str | bytes) -> None:
        async with asyncio.timeout(SECONDS):
            await self.open.wait()
        assert self.channel is not None
        self.channel.send(message)

    async def hear(self) -> str | bytes:
        async with asyncio.timeout(SECONDS):
            return await self.messages.get()

    def vanish(self) -> None:
        """As when its network is gone: nothing more is sent, and nobody is told."""
        ice: Any = self.connection.getTransceivers()[0].sender.transport.transport
        for protocol in ice._connection._protocols:
            protocol.transport.close()

    async def close(self) -> None:
        await self._sink.stop()
        await self.connection.close()

    def _heard(self, track: Any) -> None:
        self._sink.addTrack(track)
        self._sinking = asyncio.ensure_future(self._sink.start())

    def _changed(self) -> None:
        if self.connection.connectionState in ("closed", "failed"):
            self.ended.set()


class Gateway:
    """A proxy in few lines: takes the events WebSocket of a call and dials the worker as its provider. Messages pass, and are kept."""

    def __init__(self) -> None:
        self.events = ("", 0)
        """Where the worker's events server is."""
        self.passed: list[tuple[str, str | bytes]] = []
        """(who said it, message)"""
        self.client: ServerConnection | None = None
        self.upstream: ClientConnection | None = None
        self.joined = asyncio.Event()
        self.over = asyncio.Event()
        self.refuse: HTTPStatus | None = None
        self.hold: asyncio.Event | None = None
        """When set, an upgrade waits for it."""
        self.greeting: tuple[str, int, str] | None = None
        """When set, a session is told this message and closed with this code and reason at once."""
        self.tickets = {"t-client": "t-upstream"}
        self._server: Server | None = None
        self._more = asyncio.Event()

    async def crossed(self, who: str, message: str | bytes) -> None:
        """Wait until this message passed."""
        async with asyncio.timeout(SECONDS):
            while (who, message) not in self.passed:
                self._more.clear()
                await self._more.wait()

    @property
    def address(self) -> str:
        assert self._server is not None
        return "{}:{}".format(*next(iter(self._server.sockets)).getsockname())

    async def start(self) -> None:
        self._server = await serve(self._session, "127.0.0.1", 0, process_request=self._check, compression=None, max_size=1 << 22)

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    async def _check(self, socket: ServerConnection, request: Request) -> Response | None:
        if self.hold is not None:
            await self.hold.wait()
        ticket = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if self.refuse is not None or ticket not in self.tickets:
            return socket.respond(self.refuse or HTTPStatus.UNAUTHORIZED, "no\n")
        return None

    async def _session(self, client: ServerConnection) -> None:
        assert client.request is not None
        call = client.request.path.partition("call_id=")[2]
        ticket = self.tickets[client.request.headers["Authorization"].removeprefix("Bearer ")]
        self.client = client
        async with dial(self.events, call, ticket) as upstream:
            self.upstream = upstream
            self.joined.set()
            if self.greeting is not None:
                await client.send(self.greeting[0])
                await client.close(*self.greeting[1:])
            try:
                await asyncio.gather(self._pass("client", client, upstream), self._pass("provider", upstream, client))
            finally:
                self.over.set()

    async def _pass(self, who: str, source: Any, target: Any) -> None:
        with suppress(ConnectionClosed):
            async for message in source:
                self.passed.append((who, message))
                self._more.set()
                await target.send(message)
        code = source.close_code if source.close_code in (1000, 1008, 1011) else 1001
        await target.close(code, source.close_reason or "")


def dial(events: tuple[str, int], call: str, ticket: str) -> connect:
    """As the proxy dials the provider's side of a call's events."""
    host, port = events
    return connect(
        f"ws://{host}:{port}/calls/{call}",
        additional_headers={"Authorization": f"Bearer {ticket}"},
        compression=None,
        proxy=None,
        max_size=1 << 22,
    )


@asynccontextmanager
async def running_gateway() -> AsyncIterator[Gateway]:
    gateway = Gateway()
    await gateway.start()
    try:
        yield gateway
    finally:
        await gateway.stop()


def offered(call: str, offer: str, record: Recording | None = None) -> OfferedCall:
    """A call between peers of this machine."""
    return OfferedCall(call, offer, "t-client", "t-upstream", "local", "local", record)


class Room:
    """A gateway, and a worker process that uses it; what the worker tells is kept by call."""

    def __init__(self, gateway: Gateway, worker: WorkerProcess) -> None:
        self.gateway = gateway
        self.worker = worker
        self.told: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self._more = asyncio.Condition()
        self._peers: list[Peer] = []

    async def listen(self) -> None:
        """Until the worker ends."""
        with suppress(SidecarError):
            async for event in self.worker.client.events():
                async with self._more:
                    self.told[event.get("call", "")].append(event)
                    self._more.notify_all()

    async def until(self, call: str, state: str) -> dict[str, Any]:
        """The event that says so."""
        found: list[dict[str, Any]] = []

        def came() -> bool:
            found[:] = [event for event in self.told[call] if state in (event.get("state"), event["event"])]
            return bool(found)

        async with asyncio.timeout(SECONDS), self._more:
            await self._more.wait_for(came)
        return found[0]

    def states(self, call: str) -> list[str]:
        return [event["state"] for event in self.told[call] if event["event"] == "state"]

    def peer(self) -> Peer:
        self._peers.append(Peer())
        return self._peers[-1]

    async def call(self, call: str, label: str | None = "oai-events") -> tuple[Peer, Peer]:
        """A browser and a provider in a call that has been answered."""
        browser, provider = self.peer(), self.peer()
        mirrored = await self.worker.client.offer(offered(call, await browser.offer(label)))
        await browser.accept(await self.worker.client.answer(call, await provider.answer(mirrored)))
        return browser, provider

    async def close(self) -> None:
        for peer in self._peers:
            await peer.close()


@asynccontextmanager
async def running_room(folder: Path, **config: Any) -> AsyncIterator[Room]:
    """A worker of its own for a test; `config` as of WorkerConfig."""
    async with running_gateway() as gateway:
        settings: dict[str, Any] = {"workers": 1, "gateway": gateway.address, "data": folder, "bind": "127.0.0.1"} | config
        worker = await WorkerProcess.start(folder / "worker.sock", WorkerConfig(**settings))
        room = Room(gateway, worker)
        gateway.events = worker.events
        listening = asyncio.create_task(room.listen())
        try:
            await room.until("", "hello")
            yield room
        finally:
            await room.close()
            await worker.stop()
            await listening
            await worker.release()
