"""The way out of a session: its events, spoiled as asked, in the client's dialect, encoded, onto the wire."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from typing import Final

import msgspec

from simulator.misbehaviour import Misbehaviour
from simulator.timeline import Close
from simulator.timeline import Event
from simulator.timeline import Sent
from simulator.wire import Wire

_STRIKES_BEFORE: Final = 3
_encode = msgspec.json.Encoder().encode

Dialect = Callable[[Event], Iterator[Event]]


class Sender:
    """Sends what a session says. `dialect` turns one GA event into the client's; None leaves it."""

    def __init__(self, wire: Wire, misbehaviour: Misbehaviour, dialect: Dialect | None = None) -> None:
        self._wire = wire
        self._row = misbehaviour
        self._dialect = dialect
        self._deltas = 0

    async def send(self, sent: Sent) -> bool:
        """False once the connection was closed by it."""
        for each in self._row.rewrite(sent) if isinstance(sent, dict) else (sent,):
            if isinstance(each, Close):
                await self._wire.close(each.code, each.reason)
                return False
            await self._strike(each)
            for event in self._dialect(each) if self._dialect else (each,):
                await self._row.carry(self._wire, _encode(event))
        return True

    async def _strike(self, event: Event) -> None:
        self._deltas += event["type"].endswith(".delta")
        if self._deltas == _STRIKES_BEFORE and self._row.midway is not None:
            self._deltas += 1
            await self._row.midway(self._wire)
