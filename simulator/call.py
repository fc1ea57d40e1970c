"""A call: a session that several may hear and talk to, from its beginning to its one end.

This is all there is to an accepted SIP call, which has no media here; a WebRTC call adds its peer (`webcall.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from collections.abc import Coroutine
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from typing import Final

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from simulator import beta
from simulator.door import Wish
from simulator.machine import Setup
from simulator.misbehaviour import Misbehaviour
from simulator.pump import Pump
from simulator.sender import Sender
from simulator.timeline import Close
from simulator.timeline import Event
from simulator.timeline import Sent
from simulator.wire import SocketWire

_LONGEST_SECONDS: Final = 3_600.0
_MOST_WAITING: Final = 10_000
_BEHAVES: Final = Misbehaviour("behaves")

Outbox = asyncio.Queue[Event]


class Call:
    """`run` is its life, `end` its end; `attend` serves a sideband connection."""

    def __init__(self, call_id: str, wish: Wish, setup: Setup) -> None:
        self.id = call_id
        self.wish = wish
        self.reason: str | None = None
        """Why the call ended; None while it lives."""
        self.ended = asyncio.Event()
        self.machine = wish.session(setup)
        self.is_beta = wish.dialect == "beta"
        self.pump = Pump(self.machine, self._send, beta.read if self.is_beta else None)
        self._over = asyncio.Event()
        self._outboxes: set[Outbox] = set()

    async def run(self) -> None:
        """Returns when the call is over and everything of it is freed."""
        self.machine.open(self.pump.now())
        try:
            async with asyncio.timeout(_LONGEST_SECONDS), asyncio.TaskGroup() as group:
                working = [group.create_task(each) for each in self.work()]
                await self._over.wait()
                for task in working:
                    task.cancel()
        except TimeoutError:
            self.end("the call was too long")
        finally:
            self.end("cancelled")
            await self.leave()
            self.ended.set()

    def end(self, reason: str) -> None:
        """Ends the call; only the first reason counts."""
        if self.reason is None:
            self.reason = reason
            self._over.set()

    def work(self) -> Iterator[Coroutine[Any, Any, None]]:
        """What goes on as long as the call does."""
        yield self.pump.write_on()

    def route(self, event: Event) -> Iterator[Event]:
        """What those who listen get of an event."""
        yield event

    async def leave(self) -> None:
        """Frees what the call has."""

    async def _send(self, sent: Sent) -> bool:
        for each in self.wish.misbehaviour.rewrite(sent) if isinstance(sent, dict) else (sent,):
            if isinstance(each, Close):
                self.end(f"closed with {each.code} {each.reason}".rstrip())
                return False
            for event in self.route(each):
                self.tell(event)
        return True

    def tell(self, event: Event) -> None:
        """Gives an event to all sidebands; they were introduced when they came."""
        if event["type"] != "session.created":
            for outbox in self._outboxes:
                put(outbox, event)

    async def attend(self, connection: ServerConnection, keep: Callable[[str | bytes], None]) -> None:
        """A sideband: hears the call and talks to it until either ends; the end of the call closes it with 1000."""
        outbox = new_outbox()
        sender = Sender(SocketWire(connection), _BEHAVES, beta.write if self.is_beta else None)
        introduction = self.machine.introduction()
        if introduction is not None:
            put(outbox, {"event_id": self.machine.new_id("event"), **introduction})
        self._outboxes.add(outbox)
        try:
            async with asyncio.TaskGroup() as group:
                serving = [group.create_task(write(outbox, sender)), group.create_task(self._close_behind(connection))]
                async for message in connection:
                    keep(message)
                    self.pump.take(message)
                for task in serving:
                    task.cancel()
        finally:
            self._outboxes.discard(outbox)

    async def _close_behind(self, connection: ServerConnection) -> None:
        await self.ended.wait()
        await connection.close(1000, "the call has ended")


def new_outbox() -> Outbox:
    """A bounded queue of events."""
    return asyncio.Queue(_MOST_WAITING)


def put(outbox: Outbox, event: Event) -> None:
    """Adds an event; where nobody takes them out, the oldest is lost."""
    if outbox.full():
        outbox.get_nowait()
    outbox.put_nowait(event)


async def write(outbox: Outbox, sender: Sender) -> None:
    """Sends what is in the queue as it comes, until it cannot be sent."""
    with suppress(ConnectionClosed):
        while await sender.send(await outbox.get()):
            pass
