"""A WebRTC call without a browser, as an app would hold it: a secret, an offer, sound both ways, events over `oai-events`.

Everything stays on this machine: no STUN server is asked, and only its loopback address is offered.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from collections.abc import Awaitable
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any
from typing import Final
from typing import Self

import httpx2
from aioice import Candidate
from aiortc import MediaStreamTrack
from aiortc import RTCConfiguration
from aiortc import RTCPeerConnection
from aiortc import RTCSessionDescription
from openai import AsyncOpenAI

from cli.sound import Ear
from cli.sound import Microphone

Event = dict[str, Any]

CHANNEL: Final = "oai-events"
_SETUP_SECONDS: Final = 15.0
_Gather = Callable[[int, list[str]], Awaitable[list[Candidate]]]
_LOST: Final = ("failed", "closed")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for an offer: the SDP and the `Location` of the call."""

    sdp: str
    location: str


Post = Callable[[str], Awaitable[Answer]]
"""Sends an offer and returns its answer; raises RuntimeError with what the server said when it is refused."""


async def mint(client: AsyncOpenAI, session: dict[str, Any]) -> str:
    """A client secret for calls with this session configuration."""
    minted = await client.realtime.client_secrets.create(session=session)  # type: ignore[arg-type]
    return minted.value


def with_secret(base_url: str, secret: str) -> Post:
    """Offers as browsers do: the SDP alone, with a client secret that knows the session."""

    async def post(offer: str) -> Answer:
        headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/sdp"}
        async with httpx2.AsyncClient(timeout=_SETUP_SECONDS) as http:
            answer = await http.post(f"{base_url}/realtime/calls", content=offer, headers=headers)
        if answer.status_code != httpx2.codes.CREATED:
            raise RuntimeError(f"the offer was answered {answer.status_code}: {answer.text[:300]}")
        return Answer(answer.text, answer.headers["location"])

    return post


class Call:
    """`async with Call(post) as call:` is connected, with its events open; leaving the block hangs up."""

    def __init__(self, post: Post) -> None:
        self.microphone = Microphone()
        self.ear = Ear()
        self.answer = Answer("", "")
        self.answered_ms = self.connected_ms = 0.0
        self._post = post
        self._peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._open = asyncio.Event()
        self._events: asyncio.Queue[Event | None] = asyncio.Queue()
        self._hearing: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        """Raises RuntimeError when the offer is refused or the call does not come up."""
        try:
            async with asyncio.timeout(_SETUP_SECONDS):
                await self._connect()
        except TimeoutError:
            await self.hang_up()
            raise RuntimeError(f"the call was not up after {_SETUP_SECONDS:g} s ({self._peer.connectionState})") from None
        except BaseException:
            await self.hang_up()
            raise
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.hang_up()

    def send(self, event: Event) -> None:
        """Send an event to the other side."""
        self._channel.send(json.dumps(event))

    async def events(self) -> AsyncIterator[Event]:
        """The events of the other side, as they come, until the call ends."""
        while (event := await self._events.get()) is not None:
            yield event
        self._events.put_nowait(None)

    async def hang_up(self) -> None:
        """End the call; a second time does nothing."""
        await self._peer.close()
        await asyncio.gather(*self._hearing)

    async def _connect(self) -> None:
        begun = time.monotonic()
        self._prepare()
        await self._peer.setLocalDescription(await self._peer.createOffer())
        self.answer = await self._post(self._peer.localDescription.sdp)
        self.answered_ms = (time.monotonic() - begun) * 1000
        await self._peer.setRemoteDescription(RTCSessionDescription(self.answer.sdp, "answer"))
        await self._open.wait()
        self.connected_ms = (time.monotonic() - begun) * 1000

    def _prepare(self) -> None:
        self._peer.addTrack(self.microphone)  # before the channel, or aiortc stops the transport that both share
        self._channel = self._peer.createDataChannel(CHANNEL)
        _stay_on_loopback(self._peer)
        self._peer.on("track", self._hear)
        self._peer.on("connectionstatechange", self._watch)
        self._channel.on("open", self._open.set)
        self._channel.on("message", self._receive)
        self._channel.on("close", self._end)

    def _hear(self, track: MediaStreamTrack) -> None:
        self._hearing.append(asyncio.ensure_future(self.ear.listen(track)))

    def _receive(self, message: str | bytes) -> None:
        self._events.put_nowait(json.loads(message))

    def _watch(self) -> None:
        if self._peer.connectionState in _LOST:
            self._end()

    def _end(self) -> None:
        self._events.put_nowait(None)


def _stay_on_loopback(peer: RTCPeerConnection) -> None:
    """aioice takes every address of the machine but 127.0.0.1, and has no option for it: its connections are given that one alone."""
    [sender], sctp = peer.getSenders(), peer.sctp
    assert sctp is not None
    for transport in {sender.transport.transport, sctp.transport.transport}:
        connection = transport.iceGatherer._connection
        gather = connection.get_component_candidates

        async def gather_here(component: int, addresses: list[str], gather: _Gather = gather) -> list[Candidate]:
            return await gather(component, ["127.0.0.1"])

        vars(connection)["get_component_candidates"] = gather_here
