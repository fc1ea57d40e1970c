"""One end of a call in the load: real ICE, DTLS and SCTP from aiortc, audio as prebuilt packets that are never decoded."""

from __future__ import annotations

import asyncio
import secrets
import struct
from collections.abc import Callable
from collections.abc import Coroutine
from contextlib import suppress
from time import perf_counter
from typing import Any
from typing import Final
from typing import Literal

from aiortc import RTCCertificate
from aiortc import RTCDataChannel
from aiortc import RTCDataChannelParameters
from aiortc import RTCDtlsTransport
from aiortc import RTCIceGatherer
from aiortc import RTCIceTransport
from aiortc import RTCSctpCapabilities
from aiortc import RTCSctpTransport
from aiortc.rtcsctptransport import Chunk

from bench.calls import sdp
from bench.calls.port import LoopbackConnection
from bench.calls.port import ignore
from bench.calls.sound import SAMPLES
from bench.calls.sound import packets
from bench.calls.stream import Stream

SETUP: Final = 20.0
"""Seconds a leg may take to connect."""

LABEL: Final = "oai-events"
_HEADER: Final = struct.Struct("!BBHII")


class Lost(Exception):
    """A leg did not connect, or ended before it was asked to."""


class Association(RTCSctpTransport):
    """What is left to be sent when the transport below is gone is dropped; aiortc's own tasks would fail with it."""

    async def _send_chunk(self, chunk: Chunk) -> None:
        with suppress(ConnectionError):
            await super()._send_chunk(chunk)


class Leg:
    """A caller (`offering`) or the provider's end of a call, `strict` as in LoopbackConnection. Moments are `perf_counter` seconds."""

    def __init__(self, *, offering: bool, strict: bool = False) -> None:
        self.connection = LoopbackConnection(controlling=offering, strict=strict)
        self._lite = strict
        gatherer = RTCIceGatherer([])
        gatherer._connection = self.connection
        self._ice = RTCIceTransport(gatherer)
        self._dtls = RTCDtlsTransport(self._ice, [RTCCertificate.generateCertificate()])
        self._sctp = Association(self._dtls)
        self._ssrc = secrets.randbits(32)
        self._packets = packets()
        self._number = 0
        self._opus = sdp.OPUS
        self._send: Callable[[bytes], None] = ignore
        self.moments: dict[str, float] = {}
        """When it was `connected`, its `channel` open, and when the first `event` came."""
        self.channel: RTCDataChannel | None = None
        self.on_event: Callable[[str], None] = ignore_event
        self.ready = asyncio.Event()
        """Set once the channel is open."""
        self.over = asyncio.Event()
        """Set once the other side is gone or the leg was stopped."""
        self._dtls.on("statechange", self._on_state)
        if offering:
            self._take(RTCDataChannel(self._sctp, RTCDataChannelParameters(label=LABEL)))
        else:
            self._sctp.on("datachannel", self._take)

    async def describe(self, setup: Literal["actpass", "active"], remote: sdp.Remote | None = None) -> str:
        """Its offer, or its answer to a remote offer."""
        await self._ice.iceGatherer.gather()
        gatherer = self._ice.iceGatherer
        marks = tuple(self._dtls.getLocalParameters().fingerprints)
        ice = gatherer.getLocalParameters()
        ice.iceLite = self._lite
        own = sdp.Transport(ice, tuple(gatherer.getLocalCandidates()), marks)
        if not remote:
            return sdp.describe(own, setup, self._ssrc)
        return sdp.describe(own, setup, self._ssrc, remote.opus, remote.mids)

    async def connect(self, remote: sdp.Remote) -> None:
        """Raises Lost."""
        try:
            async with asyncio.timeout(SETUP):
                await self._connect(remote)
        except TimeoutError:
            raise Lost(f"not connected after {SETUP:.0f} s") from None

    async def _connect(self, remote: sdp.Remote) -> None:
        for candidate in remote.transport.candidates:
            await self._ice.addRemoteCandidate(candidate)
        await self._ice.start(remote.transport.ice)
        if self._ice.state != "completed":
            raise Lost(f"ICE {self._ice.state}")
        await self._dtls.start(remote.transport.dtls())
        if self._dtls.state != "connected":
            raise Lost(f"DTLS {self._dtls.state}")
        self.moments["connected"] = perf_counter()
        self._opus, self._send = remote.opus, self.connection.way()
        await self._sctp.start(RTCSctpCapabilities(maxMessageSize=sdp.MAX_MESSAGE), remote.sctp_port)

    def _on_state(self) -> None:
        if self._dtls.state in ("closed", "failed"):
            self.over.set()

    def _take(self, channel: RTCDataChannel) -> None:
        self.channel = channel
        channel.on("message", self._on_message)
        channel.on("open", self._on_open)
        channel.on("close", self.over.set)
        if channel.readyState == "open":
            self._on_open()

    def _on_open(self) -> None:
        self.moments["channel"] = perf_counter()
        self.ready.set()

    def _on_message(self, message: str | bytes) -> None:
        self.moments.setdefault("event", perf_counter())
        assert isinstance(message, str)
        self.on_event(message)

    def say(self, event: str) -> None:
        """Sends one event; a leg whose channel is gone says nothing."""
        if self.channel and self.channel.readyState == "open":
            self.channel.send(event)

    def speak(self, stream: Stream) -> None:
        """Sends the next audio packet as a departure on the stream."""
        number, self._number = self._number, self._number + 1
        payload = self._packets[number % len(self._packets)]
        packet = _HEADER.pack(0x80, self._opus, number & 0xFFFF, number * SAMPLES & 0xFFFFFFFF, self._ssrc) + payload
        sealed = self._dtls._tx_srtp.protect(packet)
        stream.leave(number & 0xFFFF)
        self._send(sealed)

    def listen(self, stream: Stream) -> None:
        """From now on each audio packet that comes is an arrival on the stream; of each only the header is read."""
        arrive, number = stream.arrive, struct.Struct("!H").unpack_from
        self.connection.tap = lambda data: arrive(number(data, 2)[0], len(data))

    async def stop(self) -> None:
        """Hangs up gracefully; whatever has failed already stays as it is."""
        self.over.set()
        self.connection.tap = self._send = ignore
        for end in (self._sctp.stop, self._dtls.stop, self._ice.stop):
            await _ended(end())


async def _ended(work: Coroutine[Any, Any, None]) -> None:
    with suppress(ConnectionError, TimeoutError):
        async with asyncio.timeout(2):
            await work


def ignore_event(_: str) -> None:
    """Of a leg whose events nobody reads yet."""
