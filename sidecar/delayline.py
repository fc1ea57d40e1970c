"""Sound of a provider that waits until it may go on: in order, at its own pace, for a bounded time, and silent where it may not.

    muted    what comes goes on as silence
    shut     what comes waits; what came up to a moment that is named may go on
    open     what comes goes on

Packets keep their numbers and times, whatever becomes of them, so the receiver sees a path that has become longer and no loss. Once some
have waited, those behind them follow with the same delay until the line is empty or reset.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from typing import Literal

State = Literal["open", "shut", "muted"]

LEAST: Final = 0.06
"""Seconds that every packet waits, so that the word to shut the line comes before the sound that it is about."""
LONGEST: Final = 18.0
"""Seconds after which a packet that waits goes on as silence: whoever decides has not done so."""
MOST: Final = 2_700
"""Packets that wait; the oldest goes on as silence for one more."""


@dataclass(slots=True)
class _Waiting:
    """A packet: `send` gets whether it is to be silent."""

    arrival: float
    send: Callable[[bool], None]


class DelayLine:
    """One direction of a call. Times are loop times in seconds."""

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self.state: State = "muted"
        self._loop = loop or asyncio.get_running_loop()
        self._waiting: deque[_Waiting] = deque()
        self._free_until = float("-inf")
        self._delay = LEAST
        self._timer: asyncio.TimerHandle | None = None

    def push(self, arrival: float, send: Callable[[bool], None]) -> None:
        """A packet came."""
        self._waiting.append(_Waiting(arrival, send))
        if len(self._waiting) > MOST:
            self._next(silent=True)
        if self._timer is None:
            self._move()

    def turn(self, state: State, *, until: float | None = None, drop: bool = False) -> None:
        """From now on in this state; `until`: what came by then may go on. `drop` makes silent what waits, and lets it go at once."""
        self.state = state
        if until is not None:
            self._free_until = max(self._free_until, until)
        if drop:
            while self._waiting:
                self._next(silent=True)
        self._move()

    def reset(self) -> None:
        """No further delay: what may go on goes at once."""
        while self._waiting and self._is_free(self._waiting[0]):
            self._next()
        self._delay = LEAST
        self._move()

    def close(self) -> None:
        """Forget all that waits."""
        self._waiting.clear()
        self._rest()

    def _move(self) -> None:
        """Send what is due, and come back for the next."""
        self._rest()
        now = self._loop.time()
        while self._waiting:
            first = self._waiting[0]
            free = self._is_free(first)
            due = first.arrival + (self._delay if free else LONGEST)
            if now < due:
                self._timer = self._loop.call_at(due, self._move)
                return
            if free:
                self._delay = max(self._delay, now - first.arrival)
            self._next()
        self._delay = LEAST

    def _is_free(self, first: _Waiting) -> bool:
        return self.state != "shut" or first.arrival <= self._free_until

    def _next(self, *, silent: bool = False) -> None:
        first = self._waiting.popleft()
        first.send(silent or self.state == "muted" or not self._is_free(first))

    def _rest(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
