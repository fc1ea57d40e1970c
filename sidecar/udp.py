"""The UDP sockets of a leg: where each datagram goes first, and which ports are taken."""

from __future__ import annotations

import logging
import random
import socket
from typing import TYPE_CHECKING
from typing import Any
from typing import Final

from aioice import stun
from aioice.ice import StunProtocol

if TYPE_CHECKING:
    from sidecar.ice import Connection

SOCKET_BUFFER: Final = 256 * 1024
"""Bytes. With a quarter of it, the burst of a data channel message of 256 KiB overflowed and took 2 s; late sound is dropped by rate."""

logger = logging.getLogger(__name__)


class Socket(StunProtocol):
    """One UDP socket, or one TURN allocation, of a connection."""

    receiver: Connection

    def datagram_received(self, data: bytes | str, addr: tuple[Any, ...]) -> None:
        if not data or isinstance(data, str) or not self.receiver.reaches(addr):
            return
        if 127 < data[0] < 192:
            self.receiver.on_media(data)
        else:
            self._signalling(data, (addr[0], addr[1]))

    def _signalling(self, data: bytes, source: tuple[str, int]) -> None:
        self.receiver.stamp(source)
        if data[0] > 3:
            self.receiver.dtls_received(data, source)
            return
        try:
            super().datagram_received(data, source)
        except Exception:
            logger.info("STUN that cannot be handled from %s", source, exc_info=True)

    def send_stun(self, message: stun.Message, addr: tuple[str, int]) -> None:
        """Sends unless the socket is gone or the address is outside the scope."""
        if self.receiver.reaches(addr) and not self.is_closing:
            super().send_stun(message, addr)

    @property
    def is_closing(self) -> bool:
        """Whether the transport of a plain socket is closed or about to be."""
        closing = getattr(self.transport, "is_closing", None)
        return closing is not None and closing()


def bind(host: str, ports: tuple[int, int] | None) -> socket.socket | None:
    """A UDP socket bound to `host`, at a port of the range from a random place on."""
    first, last = ports or (0, 0)
    start = random.randrange(last - first + 1)
    for step in range(last - first + 1):
        made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            made.bind((host, first + (start + step) % (last - first + 1)))
        except OSError:
            made.close()
            continue
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SOCKET_BUFFER)
        return made
    return None
