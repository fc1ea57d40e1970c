"""A call with real ends: two peers of aiortc itself, and between them our two legs and the way of packets and channels."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from dataclasses import field

from aiortc import AudioStreamTrack
from aiortc import RTCConfiguration
from aiortc import RTCDataChannel
from aiortc import RTCPeerConnection
from aiortc import RTCSessionDescription
from waiting import eventually

from sidecar.channel import Channel
from sidecar.checks import read_answer
from sidecar.checks import read_offer
from sidecar.leg import Leg
from sidecar.leg import Name
from sidecar.leg import State
from sidecar.mirror import answering_setup
from sidecar.mirror import mirrored
from sidecar.network import Network
from sidecar.packets import Exchange
from sidecar.packets import Tap

HERE = Network(bind="127.0.0.1")


def leg(name: Name, *, setup_seconds: float = 15, silence_seconds: float = 6) -> Leg:
    return Leg(name, HERE, "local", setup_seconds=setup_seconds, silence_seconds=silence_seconds)


@dataclass
class Call:
    """The four ends; `bridge` decides what happens to a channel of the browser."""

    browser: RTCPeerConnection
    provider: RTCPeerConnection
    client: Leg
    upstream: Leg
    exchange: Exchange
    channel: RTCDataChannel | None = None
    """The browser's."""
    heard: list[str | bytes] = field(default_factory=list)
    """Messages that the browser got."""
    provided: list[RTCDataChannel] = field(default_factory=list)
    """The provider's channels."""
    greeting: str | None = None
    """What the provider says in the tick in which it gets a channel."""
    states: list[tuple[Name, State]] = field(default_factory=list)

    def bridge(self, channel: Channel) -> None:
        other = self.upstream.open_channel(channel.spec)
        channel.on_message, other.on_message = other.send, channel.send

    def greet(self, channel: RTCDataChannel) -> None:
        self.provided.append(channel)
        if self.greeting is not None:
            channel.send(self.greeting)

    async def connect(self) -> None:
        """Signals through our legs and waits until both are connected."""
        self.client.on_channel = self.bridge
        for one in (self.client, self.upstream):
            one.on_state = lambda state, name=one.name: self.states.append((name, state))  # type: ignore[misc]
        self.provider.on("datachannel", self.greet)
        ours, theirs = await asyncio.gather(self.client.gather(), self.upstream.gather())
        await self.browser.setLocalDescription(await self.browser.createOffer())
        offer = read_offer(self.browser.localDescription.sdp)
        await self.provider.setRemoteDescription(RTCSessionDescription(mirrored(offer, theirs, "actpass"), "offer"))
        await self.provider.setLocalDescription(await self.provider.createAnswer())
        answer = read_answer(self.provider.localDescription.sdp, offer)
        setup = answering_setup(offer.transport.setup)
        self.exchange.begin(answer.codecs, asyncio.get_running_loop().time())
        self.upstream.connect(answer.transport, answering_setup(answer.transport.setup))
        self.client.connect(offer.transport, setup)
        await self.browser.setRemoteDescription(RTCSessionDescription(mirrored(answer, ours, setup), "answer"))
        await eventually(lambda: self.client.state == "connected" and self.upstream.state == "connected")

    async def open(self) -> RTCDataChannel:
        """Waits until the browser's channel reached the provider, whose end this returns."""
        await eventually(lambda: self.channel and self.channel.readyState == "open" and self.provided)
        return self.provided[0]

    async def close(self) -> None:
        await asyncio.gather(self.client.close("the test is over"), self.upstream.close("the test is over"))
        await asyncio.gather(self.browser.close(), self.provider.close())


def peer(*, sound: bool) -> RTCPeerConnection:
    made = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    if sound:
        made.addTrack(AudioStreamTrack())
    else:
        made.addTransceiver("audio")
    return made


@asynccontextmanager
async def call(
    *,
    label: str | None = "oai-events",
    sound: bool = False,
    tap: Tap | None = None,
    silence_seconds: float = 6,
    ordered: bool = True,
    max_retransmits: int | None = None,
    protocol: str = "",
    greeting: str | None = None,
) -> AsyncIterator[Call]:
    """A connected call; `label` None leaves the data channel out, `sound` sends audio both ways."""
    client, upstream = leg("client", silence_seconds=silence_seconds), leg("upstream", silence_seconds=silence_seconds)
    made = Call(peer(sound=sound), peer(sound=sound), client, upstream, Exchange(client, upstream, tap), greeting=greeting)
    if label is not None:
        made.channel = made.browser.createDataChannel(label, ordered=ordered, maxRetransmits=max_retransmits, protocol=protocol)
        made.channel.on("message", made.heard.append)
    try:
        await made.connect()
        yield made
    finally:
        await made.close()
