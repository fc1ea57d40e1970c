"""One leg of a call: ICE, DTLS, SRTP and SCTP towards one end, behind a narrow interface.

    gather -> connect -> on_packet / send_packet / on_channel / open_channel -> close

A leg ends exactly once, for whatever reason, and then frees its sockets, timers and tasks within a few seconds. Nothing raised in a
callback or caused by what the other end sends ends it silently.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import pylibsrtp
from aiortc import RTCCertificate
from aiortc import RTCDataChannel
from aiortc import RTCDtlsTransport
from aiortc import RTCIceGatherer
from aiortc import RTCIceTransport
from OpenSSL import SSL

from sidecar.addresses import Scope
from sidecar.association import Association
from sidecar.channel import Channel
from sidecar.channel import ChannelError
from sidecar.channel import ChannelSpec
from sidecar.ice import Connection
from sidecar.ice import NoPort
from sidecar.localend import local_transport
from sidecar.mirror import MAX_MESSAGE_SIZE
from sidecar.mirror import SCTP_PORT
from sidecar.mirror import LocalTransport
from sidecar.network import Network
from sidecar.sdp import RemoteTransport
from sidecar.setup import SetupFailed
from sidecar.setup import Stack
from sidecar.watch import Watch

Name = Literal["client", "upstream"]
State = Literal["new", "gathered", "connecting", "connected", "disconnected", "closed"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ending:
    """How a leg ended."""

    reason: str
    graceful: bool
    """True: one of the two ends said goodbye; False: the leg was lost or broken."""


class Leg:
    """Set the callbacks before `connect`; they are called in the event loop and must not block.

    on_state(state): after each change; with "closed", `ending` is set. on_channel(channel): the other end opened a data channel; set its
    callbacks at once. on_packet(packet, rtcp, arrival): one RTP or RTCP packet, decrypted, with loop time of arrival.
    """

    def __init__(self, name: Name, network: Network, scope: Scope, *, setup_seconds: float = 15, silence_seconds: float = 6) -> None:
        """`name`: the client leg is the controlled ICE end, the upstream leg the controlling one. Needs a running event loop."""
        self.name: Name = name
        self.state: State = "new"
        self.ending: Ending | None = None
        self.on_state: Callable[[State], None] = _ignore
        self.on_channel: Callable[[Channel], None] = _ignore
        self.on_packet: Callable[[bytes, bool, float], None] = _ignore
        self.times: dict[str, float | None] = {"ice_ms": None, "dtls_ms": None, "channel_ms": None}
        """Milliseconds since `connect`, None until reached."""
        self.early = 0
        """Packets that came before the keys for them."""
        self.unauthentic = 0
        """Packets that SRTP refused."""
        self.connection = Connection(controlling=name == "upstream", network=network, scope=scope)
        self._loop = asyncio.get_running_loop()
        self._public = network.public if scope != "local" else None
        self._setup_seconds = setup_seconds
        self._gatherer = RTCIceGatherer(iceServers=[])
        self._gatherer._connection = self.connection
        self._certificate = RTCCertificate.generateCertificate()
        ice = RTCIceTransport(self._gatherer)
        self._dtls = RTCDtlsTransport(ice, [self._certificate])
        self._dtls.on("statechange", self._dtls_changed)
        self._association = Association(self._dtls, SCTP_PORT, self.fail)
        self._association.on("datachannel", self._channel_opened)
        self._stack = Stack(self.connection, ice, self._dtls, self._association)
        self._watch = Watch(self.connection, self._association, silence_seconds)
        self._started = 0.0
        self._has_channel = True
        self._opened: list[RTCDataChannel] = []
        self._setting_up: asyncio.Task[None] | None = None
        self._shutting: asyncio.Task[None] | None = None
        self._freed = asyncio.Event()
        self._gathering = asyncio.Lock()
        """Held while sockets are being opened: an end waits, or it would miss some."""

    async def gather(self) -> LocalTransport:
        """Binds the sockets and returns our end for `mirror.mirrored`. Raises ice.NoPort; the leg is then closed."""
        async with self._gathering:
            try:
                await self._gatherer.gather()
            except NoPort as error:
                self.fail(str(error))
                raise
            self._change("gathered")
            return local_transport(self.connection, self._certificate, self._public)

    def connect(self, remote: RemoteTransport, setup: str) -> None:
        """Starts connecting; `setup` is what our own description says (active or passive). The outcome comes through `on_state`."""
        if self.ending or self._setting_up:
            return
        self._started = self._loop.time()
        self._has_channel = remote.has_channel
        self._dtls._set_role("client" if setup == "active" else "server")
        self.connection.on_media = self._media
        self._setting_up = asyncio.create_task(self._set_up(remote), name=f"set-up of the {self.name} leg")
        self._change("connecting")

    def open_channel(self, spec: ChannelSpec) -> Channel:
        """A data channel towards the other end; it may be opened before the leg is connected. Raises ChannelError `no_channels`."""
        if self.ending or not self._has_channel:
            raise ChannelError("no_channels", f"the {self.name} leg takes no data channel")
        channel = RTCDataChannel(self._association, spec.parameters())
        channel.on("open", lambda: self._reached("channel_ms"))
        self._opened.append(channel)
        return Channel(channel, MAX_MESSAGE_SIZE, self.fail)

    def send_packet(self, packet: bytes, rtcp: bool) -> bool:
        """Encrypts and sends one packet at once; False where the leg is not connected."""
        session = self._dtls._tx_srtp
        pair = self.connection.pair
        if session is None or pair is None or self.ending:
            return False
        try:
            sealed = session.protect_rtcp(packet) if rtcp else session.protect(packet)
        except (pylibsrtp.Error, ValueError):
            return False
        pair.protocol.transport.sendto(sealed, pair.remote_addr)
        return True

    def fail(self, reason: str) -> None:
        """Ends the leg as lost."""
        self._end(Ending(reason, graceful=False))

    async def close(self, reason: str) -> None:
        """Ends the leg with a goodbye; returns when all is freed (a few seconds at most). Repeating it is harmless."""
        self._end(Ending(reason, graceful=True))
        await self.wait_closed()

    async def wait_closed(self) -> None:
        """Returns when the leg has ended and all is freed."""
        await self._freed.wait()

    async def _set_up(self, remote: RemoteTransport) -> None:
        try:
            async with asyncio.timeout(self._setup_seconds):
                await self._stack.connect(remote, self._reached)
            self._watch.start(self._heard, self.fail)
            self._change("connected")
        except TimeoutError:
            self.fail(self._stack.lateness(self._setup_seconds))
        except SetupFailed as error:
            self.fail(str(error))
        except Exception as error:
            logger.exception("The %s leg could not be set up", self.name)
            self.fail(f"internal error: {type(error).__name__}")

    def _reached(self, step: str) -> None:
        if self.times[step] is None:
            self.times[step] = round((self._loop.time() - self._started) * 1000, 1)

    def _media(self, data: bytes) -> None:
        """One datagram of the media path; whatever the other end sends, nothing is raised."""
        session = self._dtls._rx_srtp
        if session is None:
            self.early += 1
            return
        rtcp = len(data) > 1 and 191 < data[1] < 224
        try:
            packet = session.unprotect_rtcp(data) if rtcp else session.unprotect(data)
        except (pylibsrtp.Error, ValueError):
            self.unauthentic += 1
            return
        now = self._loop.time()
        self.connection.last_heard = now
        self._call(self.on_packet, packet, rtcp, now)

    def _channel_opened(self, channel: RTCDataChannel) -> None:
        self._reached("channel_ms")
        self._call(self.on_channel, Channel(channel, MAX_MESSAGE_SIZE, self.fail))

    def _dtls_changed(self) -> None:
        """DTLS closing is the sure sign of an end, whoever ended it and on which layer."""
        if self._dtls.state != "closed" or self.ending:
            return
        if self.connection.consent_lost:
            self.fail("no answer to consent checks")
        elif self._dtls._ssl is not None and self._dtls._ssl.get_shutdown() & SSL.RECEIVED_SHUTDOWN:
            self._end(Ending("hung up", graceful=True))
        else:
            self.fail("the connection was lost")

    def _heard(self, alive: bool) -> None:
        self._change("connected" if alive else "disconnected")

    def _change(self, state: State) -> None:
        if self.state != state and self.state != "closed":
            self.state = state
            self._call(self.on_state, state)

    def _call[*Given](self, callback: Callable[[*Given], None], *given: *Given) -> None:
        try:
            callback(*given)
        except Exception as error:
            logger.exception("A callback of the %s leg failed", self.name)
            self.fail(f"internal error: {type(error).__name__}")

    def _end(self, ending: Ending) -> None:
        if self.ending is None:
            self.ending = ending
            self._shutting = asyncio.create_task(self._shut(), name=f"end of the {self.name} leg")
            self._change("closed")

    async def _shut(self) -> None:
        self._watch.stop()
        self.connection.on_media = _ignore
        if self._setting_up:
            self._setting_up.cancel()
            await asyncio.wait([self._setting_up])
        async with self._gathering:
            await self._stack.stop()
        for channel in self._opened:  # aiortc forgets those that were not announced yet
            channel.close()
        self._dtls.remove_all_listeners()
        self.on_state = self.on_channel = self.on_packet = _ignore
        self._freed.set()


def _ignore(*_: object) -> None:
    """What a callback is until it is set, and after the end."""
