"""The load's end of an ICE connection: one UDP socket on loopback, and audio handed over before anything else looks at it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any
from typing import Final

from aioice import Candidate
from aioice import Connection
from aioice.candidate import candidate_foundation
from aioice.candidate import candidate_priority
from aioice.ice import StunProtocol
from aioice.stun import Message

HOST: Final = "127.0.0.1"
_BUFFER: Final = 1 << 18


def ignore(_: bytes) -> None:
    """The tap of a connection that nobody listens to yet."""


class Port(StunProtocol):
    """Tells RTP, RTCP, DTLS and STUN apart by their first bytes (RFC 7983, RFC 5761) and keeps RTP out of every queue."""

    receiver: LoopbackConnection

    def datagram_received(self, data: bytes | str, addr: tuple[Any, ...]) -> None:
        assert isinstance(data, bytes)
        first = data[0]
        if first > 127:
            if not 192 <= data[1] <= 223:
                self.receiver.tap(data)
        elif 19 < first < 64:
            self.receiver.data_received(data, 1)
        else:
            super().datagram_received(data, addr)


class LoopbackConnection(Connection):
    """Gathers 127.0.0.1 alone; `tap` gets each SRTP packet as it came.

    A `strict` one behaves like OpenAI's ICE-lite server once it is nominated: it sends no checks of its own, and answers only those
    that carry USE-CANDIDATE. Who does not repeat that in consent checks loses the call after half a minute.
    """

    def __init__(self, *, controlling: bool, strict: bool = False) -> None:
        super().__init__(ice_controlling=controlling)
        self._strict = strict
        self.tap: Callable[[bytes], None] = ignore

    async def get_component_candidates(self, component: int, addresses: list[str], timeout: int = 5) -> list[Candidate]:
        loop = asyncio.get_running_loop()
        transport, port = await loop.create_datagram_endpoint(lambda: Port(self), local_addr=(HOST, 0))
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        foundation, priority = candidate_foundation("host", "udp", HOST), candidate_priority(component, "host")
        number = transport.get_extra_info("sockname")[1]
        port.local_candidate = Candidate(foundation, component, "udp", priority, HOST, number, "host")
        self._protocols.append(port)
        return [port.local_candidate]

    def request_received(self, message: Message, addr: tuple[str, int], protocol: StunProtocol) -> None:
        if not self._strict or not self._nominated or "USE-CANDIDATE" in message.attributes:
            super().request_received(message, addr, protocol)

    async def query_consent(self) -> None:
        if not self._strict:
            await super().query_consent()

    def way(self) -> Callable[[bytes], None]:
        """Sends a datagram to the other side, once ICE is complete and until it has failed."""
        pair = self._nominated[1]
        transport, address = pair.protocol.transport, pair.remote_addr

        def send(data: bytes) -> None:
            if not transport.is_closing():
                transport.sendto(data, address)

        return send
