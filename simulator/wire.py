"""One open connection as the simulator uses it: whole messages, and everything a well-behaved server would never write."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from websockets.asyncio.server import ServerConnection

_FRAGMENTS: Final = 4


class Wire:
    """Wraps a server connection; payloads are encoded events."""

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

    async def gone(self) -> None:
        """Waits until the connection is lost."""
        await self._connection.wait_closed()
