"""One open connection as the simulator uses it: whole messages, and everything a well-behaved server would never do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final
from typing import Protocol

from websockets.asyncio.server import ServerConnection

_FRAGMENTS: Final = 4


class Wire(Protocol):
    """What a socket and a data channel have in common; payloads are encoded events."""

    async def text(self, payload: bytes) -> None:
        """One text message."""

    async def binary(self, payload: bytes) -> None:
        """One binary message."""

    def hang_up(self) -> None:
        """Ends the connection after what was written."""

    def drop(self) -> None:
        """Ends the connection at once, without a word."""

    async def close(self, code: int, reason: str) -> None:
        """Ends the connection as it should be ended."""


class SocketWire:
    """Wraps a WebSocket server connection."""

    def __init__(self, connection: ServerConnection) -> None:
        self._connection = connection

    async def text(self, payload: bytes) -> None:
        """One text message."""
        await self._connection.send(payload, text=True)

    async def binary(self, payload: bytes) -> None:
        """One binary message."""
        await self._connection.send(payload)

    async def fragments(self, payload: bytes) -> None:
        """One text message in several frames, with a ping between any two; cuts characters where they fall."""
        await self._connection.send(self._pieces(payload), text=True)

    async def _pieces(self, payload: bytes) -> AsyncIterator[bytes]:
        size = -(-len(payload) // _FRAGMENTS)
        for start in range(0, len(payload), size):
            if start:
                await self.ping()
            yield payload[start : start + size]

    async def ping(self) -> None:
        """A ping that nobody waits for."""
        await self._connection.ping()

    def raw(self, frame: bytes) -> None:
        """Bytes past the protocol: frames that are wrong."""
        self._connection.transport.write(frame)

    def stop_reading(self) -> None:
        """From here on nothing is taken off the socket."""
        self._connection.transport.pause_reading()

    def hang_up(self) -> None:
        """Ends TCP without a close frame, after what was written."""
        self._connection.transport.close()

    def drop(self) -> None:
        """Ends TCP at once, with whatever was not sent yet."""
        self._connection.transport.abort()

    async def close(self, code: int, reason: str) -> None:
        """A proper close."""
        await self._connection.close(code, reason)
