"""The calls of a worker: how many there may be, where to find one, what became of those that are over."""

from __future__ import annotations

import asyncio
import gc
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from realtime.budget import Window
from sidecar.bridge import Bridge
from sidecar.bridge import Cause
from sidecar.call import Ask
from sidecar.call import Call
from sidecar.delayline import State
from sidecar.ice import NoPort
from sidecar.limits import BUSY_LAG
from sidecar.limits import CLOSED_PER_COLLECTION
from sidecar.limits import PENDING_CALLS
from sidecar.limits import Refused
from sidecar.looplag import LoopLag
from sidecar.sdp import SdpError
from sidecar.settings import Settings
from sidecar.totals import Totals


@dataclass(frozen=True, slots=True)
class SoundOrder:
    """The state of a delay line from now on; `until`, `drop` as in `DelayLine.turn`, `reset` ends the delay."""

    state: State
    until: float | None = None
    drop: bool = False
    reset: bool = False


class Calls:
    """Every call from its offer until all of it is freed. `tell` hears the events of all."""

    def __init__(self, settings: Settings, tell: Callable[[dict[str, Any]], None]) -> None:
        self.lag = LoopLag()
        self.totals = Totals()
        self._settings = settings
        self._tell = tell
        self._calls: dict[str, Call] = {}
        self._closing = False
        self._setups = Window()

    async def offer(self, ask: Ask) -> str:
        """Make a call; the mirrored offer. Raises Refused: 400 with the code of the offer's fault, 409, 503."""
        self._admit(ask.id)
        try:
            call = Call(ask, self._settings, self._tell, self._over)
        except SdpError as error:
            raise Refused(400, error.code, error.message) from None
        self._setups.take(time.monotonic())
        self._calls[ask.id] = call
        try:
            mirrored = await call.offer()
        except NoPort as error:
            call.end(Cause("worker", str(error), graceful=False))
            raise Refused(503, "no_port", str(error)) from None
        if call.cause is not None:
            raise Refused(503, "closing", call.cause.reason)
        self.totals.offered += 1
        return mirrored

    def answer(self, call: str, sdp: str) -> str:
        """The mirrored answer. Raises Refused: 400 `bad_answer`, which ends the call, 404, 409 for a second answer."""
        found = self.find(call)
        if found.state != "offered":
            raise Refused(409, "answered", f"the call is {found.state}, an answer is taken once")
        try:
            return found.answer(sdp)
        except SdpError as error:
            raise Refused(400, "bad_answer", error.message) from None

    def sound(self, call: str, order: SoundOrder) -> None:
        """What becomes of the provider's sound of a held call. Raises Refused: 404, 409 for a call that is not held."""
        line = self.find(call).line
        if line is None:
            raise Refused(409, "not_held", "the sound of this call does not wait")
        line.turn(order.state, until=order.until, drop=order.drop)
        if order.reset:
            line.reset()

    def drop(self, call: str, reason: str) -> None:
        """End a call gracefully. Raises Refused 404."""
        self.find(call).end(Cause("worker", reason))

    def find(self, call: str) -> Call:
        """A call that is not ending. Raises Refused 404."""
        found = self._calls.get(call)
        if found is None or found.cause is not None:
            raise Refused(404, "unknown_call", f"no call {call[:80]!r}")
        return found

    def events(self, call: str) -> Bridge | None:
        """The events of a call that has been answered and is not over."""
        found = self._calls.get(call)
        return found.bridge if found is not None and found.state not in ("offered", "closed") else None

    def records(self) -> list[dict[str, Any]]:
        """Every call as it stands."""
        return [call.record() for call in self._calls.values()]

    def states(self) -> Counter[str]:
        """How many calls are in each state; those that are ending count as `closing`."""
        return Counter("closing" if call.cause is not None else call.state for call in self._calls.values())

    def metrics(self) -> dict[str, Any]:
        """The figures of the worker: calls by state, what they carried and how they ended, lateness, memory, CPU."""
        live = [(call.media(), call.bridge.figures()) for call in self._calls.values()]
        lag = {"p50": round(self.lag.now.p50, 5), "p99": round(self.lag.now.p99, 5)}
        now = {"calls": dict(self.states()), "loop_lag_seconds": lag, "tasks": len(asyncio.all_tasks())}
        return now | self.totals.record(live)

    async def close(self, reason: str) -> None:
        """Take no more calls, end all, and wait until they are over."""
        self._closing = True
        calls = [*self._calls.values()]
        for call in calls:
            call.end(Cause("worker", reason, graceful=False))
        await asyncio.gather(*(call.ended() for call in calls))

    def _admit(self, call: str) -> None:
        if self._closing:
            raise Refused(503, "closing", "the media worker is shutting down")
        if call in self._calls:
            raise Refused(409, "call_exists", f"call {call[:80]!r} exists already")
        states = self.states()
        if (most := self._settings.calls) <= states.total():
            raise Refused(503, "too_many_calls", f"{states.total()} calls are open, {most} may be")
        if states["offered"] + states["answered"] >= PENDING_CALLS:
            raise Refused(503, "too_many_calls", f"{PENDING_CALLS} calls are being set up, no more may be at one time")
        if (lag := self.lag.now.p50) > BUSY_LAG:
            raise Refused(503, "busy", f"the media worker is {lag * 1000:.0f} ms late, new calls are taken below {BUSY_LAG * 1000:.0f} ms")
        count, seconds = self._settings.setups
        if self._setups.wait(count, seconds, time.monotonic()):
            raise Refused(503, "too_many_setups", f"{count} calls were set up in {seconds:g} s, no more may be")

    def _over(self, call: Call) -> None:
        """All of a call is freed. It stays in reference cycles, which are collected after a number of calls."""
        del self._calls[call.id]
        self.totals.closed(call.cause, call.media(), call.bridge.figures())
        if self.totals.ended % CLOSED_PER_COLLECTION == 0:
            started = time.perf_counter()
            gc.collect()
            self.totals.collected(time.perf_counter() - started)
