"""Runs one session over one connection: client messages in, timed events out, until either side ends it."""

from __future__ import annotations

import asyncio
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
from simulator.wire import Wire

_decode = msgspec.json.Decoder().decode
_REFUSED_CODE: Final = 3000


async def converse(connection: ServerConnection, seen: Connection, wish: Wish, setup: Setup, keep: Callable[[str | bytes], None]) -> None:
    """Serves `wish` until the connection ends; raises ConnectionClosed when the client ended it."""
    wire = Wire(connection)
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
        await _Pump(machine, sender).write()
        return
    if not wish.misbehaviour.reads:
        wire.stop_reading()
    await _Pump(machine, sender).run(connection, beta.read if is_beta else None, keep)


class _Pump:
    def __init__(self, machine: Machine, sender: Sender) -> None:
        self._machine = machine
        self._sender = sender
        self._clock = asyncio.get_running_loop().time
        self._news = asyncio.Event()

    async def run(self, connection: ServerConnection, read: Callable[[Any], Any] | None, keep: Callable[[str | bytes], None]) -> None:
        """Both directions; ends when one of them does."""
        self._machine.open(self._clock())
        async with asyncio.TaskGroup() as group:
            writing = group.create_task(self._write_on())
            async for message in connection:
                keep(message)
                self._take(message, read)
            writing.cancel()

    def _take(self, message: str | bytes, read: Callable[[Any], Any] | None) -> None:
        now = self._clock()
        try:
            event = _decode(message)
        except (msgspec.DecodeError, RecursionError) as error:
            self._machine.now = now
            self._machine.refuse(Refused("invalid_json", f"The message is not valid JSON: {error}."))
        else:
            self._machine.receive(read(event) if read else event, now)
        self._news.set()

    async def write(self) -> bool:
        """Sends all that is due; False once the connection was closed by it."""
        while (sent := self._machine.pop(self._clock())) is not None:
            if not await self._sender.send(sent):
                return False
        return True

    async def _write_on(self) -> None:
        while await self.write():
            self._news.clear()
            due = self._machine.wake_at()
            wait = None if due is None else max(0.0, due - self._clock())
            try:
                await asyncio.wait_for(self._news.wait(), wait)
            except TimeoutError:
                pass
