"""What happens to calls, told to everyone who listens: states each one, figures as they stand when there is time to tell them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from typing import Final

Event = dict[str, Any]

MOST_WAITING: Final = 10_000
"""Events that a listener may be behind before it is let go."""


class News:
    """Tells events to any number of listeners, none of which can hold it up."""

    def __init__(self) -> None:
        self._listeners: set[Listener] = set()
        self._ended = False

    def tell(self, event: Event) -> None:
        """Tell all that listen now."""
        for listener in [*self._listeners]:
            listener.put(event)

    def listen(self) -> Listener:
        """Everything from now on."""
        listener = Listener(self._listeners.discard)
        self._listeners.add(listener)
        if self._ended:
            listener.end()
        return listener

    def end(self) -> None:
        """No more news: listeners come to their end when they have heard the rest."""
        self._ended = True
        for listener in [*self._listeners]:
            listener.end()


class Listener:
    """The events that one listener has not heard yet. Figures of a call that are older than newer ones are not told."""

    def __init__(self, left: Any) -> None:
        self._waiting: dict[tuple[str, int], Event] = {}
        self._count = 0
        self._more = asyncio.Event()
        self._ended = False
        self._left = left

    def put(self, event: Event) -> None:
        """Take an event in; the newest figures of a call take the place of those not told yet."""
        if self._ended:
            return
        self._count += 1
        key = (event["call"], 0 if event["event"] == "media" else self._count)
        self._waiting[key] = event
        self._more.set()
        if len(self._waiting) > MOST_WAITING:
            self.end()

    def end(self) -> None:
        """Nothing more is taken in."""
        self._ended = True
        self._more.set()

    async def lines(self) -> AsyncIterator[bytes]:
        """JSON, one event a line, from a greeting to the end."""
        yield _line({"event": "hello"})
        try:
            while True:
                await self._more.wait()
                self._more.clear()
                told, self._waiting = self._waiting, {}
                if told:
                    yield b"".join(map(_line, told.values()))
                if self._ended and not self._waiting:
                    return
        finally:
            self._left(self)


def _line(event: Event) -> bytes:
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
