"""The transports of a leg: they come up as ICE, DTLS, SCTP, each with the reason it failed for, and go down the other way round."""

from __future__ import annotations

import asyncio
import logging
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

STOP_SECONDS: Final = 1.0
"""What each transport gets to end in."""

NOT_ALLOWED: Final = "no allowed ICE candidate"


logger = logging.getLogger(__name__)


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

    async def stop(self) -> None:
        """Says goodbye where someone is left to hear it, and frees sockets and tasks."""
        for stop in (self.association.stop, self.dtls.stop, self.ice.stop):
            try:
                await asyncio.wait_for(stop(), STOP_SECONDS)
            except (TimeoutError, ConnectionError) as error:
                logger.info("A transport did not stop cleanly: %r", error)

    def lateness(self, seconds: float) -> str:
        """Why a leg that is not up after so many seconds is not."""
        if not self.connection.learned and self.connection.skipped:
            return NOT_ALLOWED
        stage = "DTLS" if self.ice.state == "completed" else "ICE"
        return f"{stage} did not connect within {seconds:g} s"
