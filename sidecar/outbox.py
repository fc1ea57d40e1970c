"""Messages on their way in one direction: in order, each once, a bounded number of them waiting."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable
from collections.abc import Callable

from sidecar.limits import WAITING_BYTES
from sidecar.limits import WAITING_MESSAGES

Message = str | bytes
"""Text and binary messages stay what they are."""


class Overflow(Exception):
    """More waits than may; the text says how much."""


class Outbox:
    """Messages that wait until `run` can send them. `towards` names the receiver in errors."""

    def __init__(self, towards: str) -> None:
        self.sent = 0
        self.sent_bytes = 0
        self.dropped = 0
        self.most_waiting = 0
        self._towards = towards
        self._waiting: deque[tuple[Message, int]] = deque()
        self._bytes = 0
        self._changed = asyncio.Event()
        self._discards = False

    def put(self, message: Message) -> None:
        """Take a message in. Raises Overflow."""
        if self._discards:
            self.dropped += 1
            return
        size = len(message.encode()) if isinstance(message, str) else len(message)
        if len(self._waiting) >= WAITING_MESSAGES or self._bytes + size > WAITING_BYTES:
            raise Overflow(
                f"{len(self._waiting) + 1} messages of {self._bytes + size} bytes wait for {self._towards}, "
                f"{WAITING_MESSAGES} or {WAITING_BYTES} bytes may"
            )
        self._waiting.append((message, size))
        self._bytes += size
        self.most_waiting = max(self.most_waiting, len(self._waiting))
        self._signal()

    def discard(self) -> None:
        """The receiver is gone for good: what waits and what comes is dropped, and counted."""
        self._discards = True
        self.dropped += len(self._waiting)
        self._waiting.clear()
        self._bytes = 0
        self._signal()

    async def run(self, send: Callable[[Message], Awaitable[None]]) -> None:
        """Send what waits and what comes, until cancelled. Raises what `send` raises."""
        while True:
            while self._waiting:
                message, size = self._waiting[0]
                await send(message)
                if self._waiting:
                    self._waiting.popleft()
                    self._bytes -= size
                    self.sent += 1
                    self.sent_bytes += size
                self._signal()
            await self._changed.wait()

    async def room(self) -> None:
        """Wait until at most half of what may wait does."""
        while 2 * len(self._waiting) > WAITING_MESSAGES or 2 * self._bytes > WAITING_BYTES:
            await self._changed.wait()

    async def empty(self) -> None:
        """Wait until everything has been sent or dropped."""
        while self._waiting:
            await self._changed.wait()

    def _signal(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
