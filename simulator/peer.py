"""The media side of a call: one aiortc peer connection that answers one offer, on given addresses and no others.

It knows no STUN or TURN server, asks no mDNS, and sends to nobody whom the offer or a valid check did not name.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any
from typing import Final

from aiortc import RTCConfiguration
from aiortc import RTCDataChannel
from aiortc import RTCIceTransport
from aiortc import RTCPeerConnection
from aiortc import RTCSessionDescription
from aiortc.exceptions import InternalError
from aiortc.exceptions import InvalidAccessError
from aiortc.exceptions import InvalidStateError
from aiortc.exceptions import OperationError
from aiortc.mediastreams import MediaStreamTrack

from simulator.schema import Refused
from simulator.voice import Voice

_CLOSE_SECONDS: Final = 5.0
_UNREADABLE: Final = (
    *(ValueError, AssertionError, IndexError, KeyError, AttributeError, TypeError),
    *(InternalError, InvalidAccessError, InvalidStateError, OperationError),
)
"""What aiortc raises for descriptions that are none."""


class Peer:
    """Callbacks get the caller's track, each data channel it opens, and every change of `state`."""

    def __init__(
        self,
        addresses: list[str],
        voice: Voice,
        *,
        on_track: Callable[[MediaStreamTrack], None],
        on_channel: Callable[[RTCDataChannel], None],
        on_state: Callable[[], None],
    ) -> None:
        self._addresses = addresses
        self._voice = voice
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._connection.on("track", on_track)
        self._connection.on("datachannel", on_channel)
        self._connection.on("connectionstatechange", on_state)

    @property
    def state(self) -> str:
        """`new`, `connecting`, `connected`, `failed` or `closed`."""
        return str(self._connection.connectionState)

    async def answer(self, offer: str, *, opens: bool = True) -> str:
        """The SDP answer; without `opens` no data channel will ever open. Raises `Refused` for what is no offer of a call."""
        if not any(line.startswith("m=audio") for line in offer.splitlines()):
            raise Refused("invalid_offer", "The SDP offer has no audio section.", "sdp")
        try:
            await self._connection.setRemoteDescription(RTCSessionDescription(_usable(offer), "offer"))
            self._speak()
            self._stay_here()
            if not opens:
                self._never_open()
            await self._connection.setLocalDescription(await self._connection.createAnswer())
        except _UNREADABLE as error:
            raise Refused("invalid_offer", f"Failed to parse SDP: {error}", "sdp") from error
        return str(self._connection.localDescription.sdp)

    def _speak(self) -> None:
        """Our voice in the first audio section; whatever else is offered stays inactive."""
        for transceiver in self._connection.getTransceivers():
            transceiver.direction = "inactive"
        first = next(each for each in self._connection.getTransceivers() if each.kind == "audio")
        first.direction = "sendrecv"
        first.sender.replaceTrack(self._voice)

    def _transports(self) -> Iterator[RTCIceTransport]:
        for transceiver in self._connection.getTransceivers():
            yield transceiver.receiver.transport.transport
        if self._connection.sctp is not None:
            yield self._connection.sctp.transport.transport

    def _stay_here(self) -> None:
        """aiortc has no option for addresses, and leaves loopback out: this takes the place of those it found."""
        for transport in set(self._transports()):
            connection = transport.iceGatherer._connection
            gather = connection.get_component_candidates

            async def gather_here(component: int, addresses: list[str], timeout: int = 5, gather: Any = gather) -> Any:
                return await gather(component, self._addresses, timeout)

            vars(connection)["get_component_candidates"] = gather_here

    def _never_open(self) -> None:
        async def nothing(*_: object) -> None:
            """SCTP stays unanswered."""

        if self._connection.sctp is not None:
            vars(self._connection.sctp)["start"] = nothing

    def open_channel(self, label: str) -> None:
        """A data channel from this side."""
        self._connection.createDataChannel(label)

    def lift_limit(self) -> None:
        """Messages may be longer than the caller allows from here on."""
        if self._connection.sctp is not None:
            self._connection.sctp._remote_max_message_size = 0

    def vanish(self) -> None:
        """Not a packet more leaves; the sockets stay, so that nobody is told."""

        async def lost(*_: object) -> None:
            """A datagram on its way to nobody."""

        for transport in set(self._transports()):
            for protocol in transport._connection._protocols:
                vars(protocol)["send_data"] = lost
                vars(protocol)["send_stun"] = _lost

    async def close(self) -> None:
        """Ends it gracefully: the caller is told."""
        async with asyncio.timeout(_CLOSE_SECONDS):
            await self._connection.close()


def _lost(*_: object) -> None:
    """A check on its way to nobody."""


def _usable(offer: str) -> str:
    """The offer without candidates that could only be waited for, and open for those that the caller's checks will show."""
    kept = [line for line in offer.splitlines() if not _useless(line)]
    return "\r\n".join(kept) + "\r\n"


def _useless(line: str) -> bool:
    if not line.startswith("a=candidate:"):
        return line.startswith("a=end-of-candidates")
    words = line.split()
    return len(words) < 6 or words[2].lower() != "udp" or words[4].endswith(".local")
