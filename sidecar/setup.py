"""The steps by which a leg comes up: ICE, then DTLS, then SCTP, each with the reason it failed for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from aiortc import RTCDtlsFingerprint
from aiortc import RTCDtlsParameters
from aiortc import RTCDtlsTransport
from aiortc import RTCIceParameters
from aiortc import RTCIceTransport
from aiortc import RTCSctpCapabilities

from sidecar.association import Association
from sidecar.ice import Connection
from sidecar.sdp import RemoteTransport

NOT_ALLOWED: Final = "no allowed ICE candidate"


class SetupFailed(Exception):
    """A leg did not come up; the text is the reason of the call's end."""


@dataclass(frozen=True, slots=True)
class Stack:
    """The transports of a leg, from the bottom up."""

    connection: Connection
    ice: RTCIceTransport
    dtls: RTCDtlsTransport
    association: Association

    async def connect(self, remote: RemoteTransport, reached: Callable[[str], None]) -> None:
        """Brings all of them up; `reached` hears of each step (`ice_ms`, `dtls_ms`). Raises SetupFailed."""
        for candidate in remote.candidates:
            await self.connection.add_remote_candidate(candidate)
        if remote.lite and not self.connection.learned:
            raise SetupFailed(NOT_ALLOWED)
        await self.ice.start(RTCIceParameters(remote.ufrag, remote.password, remote.lite))
        if self.ice.state != "completed":
            raise SetupFailed("ICE failed")
        reached("ice_ms")
        await self.dtls.start(RTCDtlsParameters([RTCDtlsFingerprint(*pair) for pair in remote.fingerprints]))
        if self.dtls.state != "connected":
            raise SetupFailed("the DTLS handshake failed, or the certificate is not the one announced")
        reached("dtls_ms")
        if remote.has_channel:
            await self.association.start(RTCSctpCapabilities(remote.max_message_size), remote.sctp_port)

    def lateness(self, seconds: float) -> str:
        """Why a leg that is not up after so many seconds is not."""
        if not self.connection.learned and self.connection.skipped:
            return NOT_ALLOWED
        stage = "DTLS" if self.ice.state == "completed" else "ICE"
        return f"{stage} did not connect within {seconds:g} s"
