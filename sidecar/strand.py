"""One side of a call's events: the data channel of a leg, and the proxy's WebSocket for that side."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from typing import Final

from websockets.asyncio.connection import Connection
from websockets.exceptions import ConnectionClosed

from sidecar.channel import Channel
from sidecar.channel import ChannelError
from sidecar.limits import BUFFERED_BYTES
from sidecar.limits import DELIVERY_SECONDS
from sidecar.limits import WAITING_MESSAGES
from sidecar.outbox import Message
from sidecar.outbox import Outbox
from sidecar.outbox import Overflow
from sidecar.pace import Pace

POLL: Final = 0.01
"""How often a full or draining data channel is looked at."""

REASON_BYTES: Final = 123
"""The longest reason in a close frame (RFC 6455, 5.5)."""


class Strand:
    """Carries messages both ways as soon as both ends are there. `fail` ends the call with a reason."""

    def __init__(self, name: str, fail: Callable[[str], None], pace: Pace) -> None:
        """`name`: whose data channel it is, `client` or `provider`; `pace` is how fast that may speak."""
        self.to_proxy = Outbox("the proxy")
        self.to_channel = Outbox(f"the {name}'s data channel")
        self.channel: Channel | None = None
        self.socket: Connection | None = None
        self.arrived = asyncio.Event()
        """Set when there is a WebSocket."""
        self.socket_gone = asyncio.Event()
        """Set when the WebSocket has closed."""
        self._name = name
        self._fail = fail
        self._pace = pace
        self._waits = False
        """Whether what the data channel says has to wait for its time."""
        self._pump: asyncio.Task[None] | None = None
        self._goodbye = 1001, "the call is over"
        """Code and reason for a WebSocket that is closed here."""

    def join(self, channel: Channel) -> None:
        """The data channel, in the tick in which it appeared."""
        self.channel = channel
        channel.on_message = self._said
        channel.on_close = self.to_channel.discard
        channel.on_open = self._open
        if channel.state == "open":
            self._open()

    async def carry(self, socket: Connection) -> None:
        """Serve the WebSocket until it has closed; how it did is in its `close_code` and `close_reason`."""
        self.socket = socket
        self.arrived.set()
        pump = asyncio.create_task(self._send(socket))
        try:
            with suppress(ConnectionClosed):
                async for message in socket:
                    await self._take(message)
        finally:
            self.socket_gone.set()
            pump.cancel()
            await asyncio.wait([pump])

    async def say_goodbye(self, code: int, reason: str) -> None:
        """Let the proxy have what this side said last, then close its WebSocket."""
        self._goodbye = code, shortened(reason)
        if self.socket is not None and not self.socket_gone.is_set():
            await within(DELIVERY_SECONDS, self.to_proxy.empty())
            await within(DELIVERY_SECONDS, self.socket.close(*self._goodbye))

    async def deliver(self) -> None:
        """Let the data channel have what the proxy said last; one that is about to open is waited for where something waits for it."""
        await within(DELIVERY_SECONDS, self._drained())

    async def release(self) -> None:
        """Close the WebSocket if it still stands, and stop sending."""
        if self.socket is not None and not self.socket_gone.is_set():
            await within(DELIVERY_SECONDS, self.socket.close(*self._goodbye))
            self.socket.transport.abort()
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.wait([self._pump])

    def figures(self) -> dict[str, Any]:
        """Messages and bytes both ways; `most_waiting` is the longest that either queue was."""
        boxes = {"to_proxy": self.to_proxy, "to_channel": self.to_channel}
        return {
            name: {"messages": box.sent, "bytes": box.sent_bytes, "dropped": box.dropped, "most_waiting": box.most_waiting}
            for name, box in boxes.items()
        }

    def _said(self, message: Message) -> None:
        """The data channel said something; there is no way to slow it down."""
        try:
            self.to_proxy.put(message)
        except Overflow as error:
            pace = self._pace
            fast = f"the {self._name} sends more than {pace.count} events in {pace.seconds:g} s, and {WAITING_MESSAGES} of them wait"
            self._fail(fast if self._waits else str(error))

    async def _take(self, message: Message) -> None:
        """The proxy said something; while the channel is open, it waits for its turn in its own socket."""
        if self._pump is not None:
            await self.to_channel.room()
        try:
            self.to_channel.put(message)
        except Overflow as error:
            self._fail(str(error))

    def _open(self) -> None:
        if self._pump is None and self.channel is not None:
            self._pump = asyncio.create_task(self._feed(self.channel))

    async def _feed(self, channel: Channel) -> None:
        async def send(message: Message) -> None:
            await _until(lambda: channel.buffered <= BUFFERED_BYTES)
            channel.send(message)

        try:
            await self.to_channel.run(send)
        except ChannelError as error:
            if error.code != "not_open":
                self._fail(f"to the {self._name}: {error.message}")
            self.to_channel.discard()

    async def _send(self, socket: Connection) -> None:
        async def send(message: Message) -> None:
            if wait := self._pace.wait(time.monotonic()):
                self._waits = True
                await asyncio.sleep(wait)
                self._waits = False
            await socket.send(message)

        with suppress(ConnectionClosed):
            await self.to_proxy.run(send)

    async def _drained(self) -> None:
        await self.to_channel.empty()
        channel = self.channel
        if channel is not None:
            await _until(lambda: channel.state != "open" or not channel.undelivered)


async def _until(met: Callable[[], bool]) -> None:
    """Wait for a data channel, which tells nobody how it gets on."""
    while not met():  # noqa: ASYNC110
        await asyncio.sleep(POLL)


async def within(seconds: float, waited: Any) -> None:
    """Wait for something, but no longer than that."""
    try:
        await asyncio.wait_for(waited, seconds)
    except TimeoutError:
        pass


def shortened(reason: str) -> str:
    """A reason that fits into a close frame."""
    return reason.encode()[:REASON_BYTES].decode(errors="ignore")
