"""Watches a connected leg once a second: is the other end heard, and does what waits for it move?"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from sidecar.association import Association
from sidecar.ice import Connection

INTERVAL: Final = 1.0

STALL_SECONDS: Final = 10.0
"""Data channel messages of which nothing was taken for so long, by an end that is otherwise heard, end the leg."""


class Watch:
    """Browsers send something at least every 3 s even when muted, and every end answers our consent checks every 2 s."""

    def __init__(self, connection: Connection, association: Association, silence: float) -> None:
        """`silence`: seconds after which the other end counts as disconnected."""
        self._connection = connection
        self._association = association
        self._silence = silence
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._moved = 0.0
        self._mark = 0

    def start(self, heard: Callable[[bool], None], stalled: Callable[[str], None]) -> None:
        """Calls `heard` each second with whether the other end is, and `stalled` with a reason when messages do not move."""
        self._moved = self._connection.last_heard = self._loop.time()
        self._timer = self._loop.call_later(INTERVAL, self._tick, heard, stalled)

    def stop(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _tick(self, heard: Callable[[bool], None], stalled: Callable[[str], None]) -> None:
        now = self._loop.time()
        self._timer = self._loop.call_later(INTERVAL, self._tick, heard, stalled)
        alive = now - self._connection.last_heard <= self._silence
        if not alive or self._moves():
            self._moved = now
        heard(alive)
        if now - self._moved > STALL_SECONDS:
            stalled(f"data channel messages waited for over {STALL_SECONDS:g} s")

    def _moves(self) -> bool:
        """Whether nothing waits, or something was acknowledged since the last look."""
        mark, self._mark = self._mark, self._association.acknowledged
        return not self._association.waiting or mark != self._mark
