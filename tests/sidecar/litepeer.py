"""An ICE-lite end as OpenAI runs one: it answers checks and sends none.

With `strict` it answers only those with USE-CANDIDATE once it has seen one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aioice import Candidate
from aioice import stun

UFRAG = "lite/peer+1"
PASSWORD = "lite+password+of+24+chars"


class LitePeer(asyncio.DatagramProtocol):
    """Counts what it answered and what it ignored; `deaf` makes it ignore all."""

    def __init__(self, strict: bool) -> None:
        self.answered = 0
        self.ignored = 0
        self.deaf = False
        self._strict = strict
        self._nominated = False

    def connection_made(self, transport: Any) -> None:
        self._transport: asyncio.DatagramTransport = transport
        host, port = transport.get_extra_info("sockname")[:2]
        self.candidate = Candidate("1", 1, "udp", 2130706431, host, port, "host")

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        message = stun.parse_message(data)
        nominates = "USE-CANDIDATE" in message.attributes
        self._nominated |= nominates
        if self.deaf or (self._strict and self._nominated and not nominates):
            self.ignored += 1
            return
        self.answered += 1
        answer = stun.Message(stun.Method.BINDING, stun.Class.RESPONSE, message.transaction_id)
        answer.attributes["XOR-MAPPED-ADDRESS"] = addr[:2]
        answer.add_message_integrity(PASSWORD.encode())
        self._transport.sendto(bytes(answer), addr)


@asynccontextmanager
async def lite_peer(*, strict: bool = False) -> AsyncIterator[LitePeer]:
    transport, peer = await asyncio.get_running_loop().create_datagram_endpoint(lambda: LitePeer(strict), local_addr=("127.0.0.1", 0))
    try:
        yield peer
    finally:
        transport.close()
