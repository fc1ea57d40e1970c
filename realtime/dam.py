"""What stands still in one session: of each side one message that somebody looks at, and behind it, in its place, all that came after it.

What waits behind is not judged before it goes on, so everybody who looks at messages sees them in their order, and what is
put in the place of the first one before those that follow. Nothing is kept without bound.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from realtime.frame import Frame
from realtime.leg import Held
from realtime.leg import Leg
from realtime.tunnel import Inspect
from realtime.tunnel import Tunnel
from realtime.verdict import Verdict

MOST: Final = 8 << 20
"""Bytes of one side that wait, with the first one; what comes then makes all of it go on."""
WEIGHT: Final = 512
"""Bytes that a message counts for besides what is in it."""

_QUEUE: Final = object()
BEHIND: Final = Verdict("hold", ticket=_QUEUE)
"""On a message that comes while another one of its side is paused."""
_DROP: Final = Verdict("drop")


@dataclass(slots=True, eq=False)
class Paused:
    """A message that is paused, the ticket it waits under. `frame` is as it would cross; `at` and `until` are monotonic seconds."""

    id: str
    frame: Frame
    at: float
    until: float


class Dam:
    """Of one session. `inspect` is what its messages are shown to, this dam among it."""

    def __init__(self, tunnel: Tunnel, inspect: Inspect) -> None:
        self.tunnel = tunnel
        self.paused: dict[bool, Paused] = {}
        """By the side that sent it; True for the client."""
        self._inspect = inspect
        self._flowing: set[bool] = set()
        self._through: Frame | None = None

    @property
    def standing(self) -> frozenset[bool]:
        """The sides whose messages wait."""
        return frozenset(self.paused.keys() | self._flowing)

    @property
    def bytes(self) -> int:
        """How much waits."""
        return sum(_weight(self._leg(side)) for side in self.standing)

    def stops(self, frame: Frame) -> bool:
        """Whether a message has to wait behind others."""
        side = frame.from_client
        return (side in self.paused or side in self._flowing) and frame is not self._through

    def has_room(self, frame: Frame) -> bool:
        """Whether it can wait, paused or behind others."""
        return _weight(self._leg(frame.from_client)) + len(frame.payload) + WEIGHT <= MOST

    def pause(self, paused: Paused) -> Verdict:
        """The verdict that pauses a message."""
        self.paused[paused.frame.from_client] = paused
        return Verdict("hold", ticket=paused)

    def behind(self, paused: Paused) -> int:
        """How many messages wait behind it."""
        return sum(held.ticket is _QUEUE for held in self._leg(paused.frame.from_client).held)

    def held(self, paused: Paused) -> Held | None:
        """Where it waits, None where it does not any more."""
        return next((held for held in self._leg(paused.frame.from_client).held if held.ticket is paused), None)

    def take(self, paused: Paused, now: float) -> Held | None:
        """The message is to go on: where it waits, None where it does not any more. It is dated `now`, when it crosses."""
        side = paused.frame.from_client
        del self.paused[side]
        self._flowing.add(side)
        held = self.held(paused)
        if held is not None:
            held.ticket = None
            paused.frame.at = held.frame.at = now
        return held

    def judged(self, held: Held) -> Verdict | None:
        """What all who look at messages say of one that waits."""
        before, self._through = self._through, held.frame
        try:
            return self._inspect(held.frame)
        finally:
            self._through = before

    def flow(self, side: bool, now: float, most: int | None = None) -> bool:
        """Let go what waits, up to the next message that is paused, and at most so many; whether there is more to let go."""
        for number, held in enumerate(iter(lambda: self._next(side), None)):
            if number == most:
                return True
            held.ticket, held.frame.at = None, now
            self.tunnel.settle(held, self.judged(held), now)
        self._flowing.discard(side)
        return False

    def empty(self, now: float) -> None:
        """Nothing that waits crosses any more."""
        waiting = [held for leg in (self.tunnel.client, self.tunnel.upstream) for held in leg.held if self._is_ours(held)]
        self.paused.clear()
        self._flowing.clear()
        for held in waiting:
            self.tunnel.settle(held, _DROP, now)

    def _next(self, side: bool) -> Held | None:
        """The first of those that wait, unless one is paused."""
        if side in self.paused:
            return None
        return next((held for held in self._leg(side).held if held.ticket is _QUEUE), None)

    def _is_ours(self, held: Held) -> bool:
        return held.ticket is _QUEUE or isinstance(held.ticket, Paused)

    def _leg(self, from_client: bool) -> Leg:
        return self.tunnel.client if from_client else self.tunnel.upstream


def _weight(leg: Leg) -> int:
    return leg.held_bytes + WEIGHT * len(leg.held)
