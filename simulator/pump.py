"""Runs one session over one connection: client messages in, timed events out, until either side ends it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from collections.abc import Callable
from typing import Any
from typing import Final

import msgspec
from websockets.asyncio.server import ServerConnection

from simulator import beta
from simulator.door import Wish
from simulator.machine import Machine
from simulator.machine import Setup
from simulator.record import Connection
from simulator.schema import Refused
from simulator.sender import Sender
from simulator.timeline import Sent
from simulator.wire import SocketWire

_decode = msgspec.json.Decoder().decode
_REFUSED_CODE: Final = 3000

Read = Callable[[Any], Any]
"""Makes a GA event of a client's message."""


async def converse(connection: ServerConnection, seen: Connection, wish: Wish, setup: Setup, keep: Callable[[str | bytes], None]) -> None:
    """Serves `wish` until the connection ends; raises ConnectionClosed when the client ended it."""
    wire = SocketWire(connection)
    if wish.misbehaviour.hangs_up:
        wire.hang_up()
        return
    is_beta = wish.dialect == "beta"
    sender = Sender(wire, wish.misbehaviour, beta.write if is_beta else None)
    machine = wish.session(setup)
    if wish.misbehaviour.echoes:
        machine.refuse(Refused("echo", f"Your headers were {dict(seen.headers.raw_items())}."))
    if wish.refusal is not None:
        machine.refuse(wish.refusal)
        machine.close(_REFUSED_CODE, f"{wish.refusal.kind}.{wish.refusal.code}")
        await Pump(machine, sender.send).write()
        return
    if not wish.misbehaviour.reads:
        wire.stop_reading()
    pump = Pump(machine, sender.send, beta.read if is_beta else None)
    machine.open(pump.now())
    async with asyncio.TaskGroup() as group:
        writing = group.create_task(pump.write_on())
        async for message in connection:
            keep(message)
            pump.take(message)
        writing.cancel()


class Pump:
    """Keeps a machine going: messages in whenever they come, events out when they are due.

    `send` is given what is due, and says whether there is any use in more.
    """

    def __init__(self, machine: Machine, send: Callable[[Sent], Awaitable[bool]], read: Read | None = None) -> None:
        self._machine = machine
        self._send = send
        self._read = read
        self._news = asyncio.Event()
        self.now = asyncio.get_running_loop().time

    def take(self, message: str | bytes) -> None:
        """One message of a client."""
        try:
            event = _decode(message)
        except (msgspec.DecodeError, RecursionError) as error:
            self._machine.now = self.now()
            self._machine.refuse(Refused("invalid_json", f"The message is not valid JSON: {error}."))
        else:
            self._machine.receive(self._read(event) if self._read else event, self.now())
        self.wake()

    def wake(self) -> None:
        """The machine may have something to say that it had not before."""
        self._news.set()

    async def write(self) -> bool:
        """Sends all that is due; False once there is no use in more."""
        while (sent := self._machine.pop(self.now())) is not None:
            if not await self._send(sent):
                return False
        return True

    async def write_on(self) -> None:
        """Sends everything when it is due, until there is no use in more."""
        while await self.write():
            self._news.clear()
            due = self._machine.wake_at()
            wait = None if due is None else max(0.0, due - self.now())
            try:
                await asyncio.wait_for(self._news.wait(), wait)
            except TimeoutError:
                pass
