"""The data channel of a call as something to send events by, and to misbehave with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from aiortc import RTCDataChannel

from simulator.peer import Peer

_MOST_BUFFERED: Final = 16 * 1024 * 1024
_FLUSH_SECONDS: Final = 1.0


class ChannelWire:
    """`end` ends the call; its argument is the reason."""

    def __init__(self, channel: RTCDataChannel, peer: Peer, end: Callable[[str], None]) -> None:
        self._channel = channel
        self._peer = peer
        self._end = end
        self._hung_up = False

    async def text(self, payload: bytes) -> None:
        """One string; none when the channel is closed."""
        self._send(payload.decode(), len(payload))

    async def binary(self, payload: bytes) -> None:
        """One binary message; none when the channel is closed."""
        self._send(payload, len(payload))

    def _send(self, message: str | bytes, size: int) -> None:
        if self._channel.readyState != "open" or self._hung_up:
            return
        if self._channel.bufferedAmount + size > _MOST_BUFFERED:
            self._end("the data channel is not read")
            return
        try:
            self._channel.send(message)
        except ValueError:
            self._peer.lift_limit()
            self._channel.send(message)

    def shut(self) -> None:
        """Closes the channel; the call goes on."""
        self._channel.close()

    def open_another(self) -> None:
        """One more channel."""
        self._peer.open_channel("simulated-second")

    def hang_up(self) -> None:
        """Ends the call after what was sent; what comes later is lost."""
        self._hung_up = True
        self._end("hung up")

    def drop(self) -> None:
        """Falls silent without a word."""
        self._peer.vanish()

    async def close(self, code: int, reason: str) -> None:
        """Ends the call; there is no code here, so the reason carries it."""
        self._end(f"closed with {code} {reason}".rstrip())

    async def flush(self) -> None:
        """Waits until what was sent is under way, but not for long, and closes the channel behind it."""
        if self._channel.readyState != "open":
            return
        empty, closed = asyncio.Event(), asyncio.Event()
        self._channel.on("bufferedamountlow", empty.set)
        self._channel.on("close", closed.set)
        try:
            async with asyncio.timeout(_FLUSH_SECONDS):
                if self._channel.bufferedAmount:
                    await empty.wait()
                self._channel.close()
                await closed.wait()
        except TimeoutError:
            return
