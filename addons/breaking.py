"""Breakpoints: a message that fits one is paused as it would cross, until an operator or the clock lets it go on.

A session that no breakpoint wants is not asked at all. What is paused is let go, never kept, when it would be in the way: when
its time is up, too much waits behind it, its session ends, its breakpoint is removed or the rules allow none any more.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from secrets import token_hex
from typing import Any
from typing import Final
from typing import Literal

from addons.breakpoint import Breakpoint
from addons.breakpoint import breakpoint_of
from addons.breakpoint import kind_of
from addons.inspection import Inspection
from addons.pausing import Pausing
from addons.stopped import Outcome
from addons.stopped import Reason
from addons.stopped import Stop
from addons.stopped import record
from addons.tap import Tap
from realtime.dam import BEHIND
from realtime.frame import Frame
from realtime.made import Ahead
from realtime.made import Operated
from realtime.recent import Recent
from realtime.session import Session
from realtime.verdict import Verdict
from store.clock import stamp
from store.clock import utc_now

MOST: Final = 64
"""Breakpoints."""
MOST_BYTES: Final = 64 << 20
"""That wait in all sessions together."""
_REMEMBERED: Final = 256

Record = dict[str, Any]
Told = Callable[[Literal["paused", "resumed"], str, Record], None]
"""What happened, in which session, and to what."""


class TooMany(Exception):
    """As many breakpoints as there may be."""


class Gone(Exception):
    """What was asked for is over; says how."""


class Queue:
    """The frame hook before all others: what comes behind a paused message waits, unseen by anybody."""

    audio: Literal["later", "never"] = "never"

    def __init__(self, breaks: Breaks) -> None:
        self._breaks = breaks

    def wants(self, session: Session) -> bool:
        return self._breaks.wants(session)

    def frame(self, session: Session, frame: Frame) -> Verdict | None:
        return self._breaks.queue(session, frame)


class Breaks:
    """The frame hook behind the policies that pauses messages, and all breakpoints. `inspection` is set by whoever knows all hooks."""

    audio: Literal["later", "never"] = "never"
    inspection: Inspection

    def __init__(self, tap: Tap, watch: Callable[[Session], None], withdrawn: Callable[[Session, Frame], None]) -> None:
        self.told: list[Told] = []
        """Who is told of what is paused and what goes on."""
        self.first = Queue(self)
        self._tap = tap
        self._watch = watch
        self._withdrawn = withdrawn
        self._points: dict[str, Breakpoint] = {}
        self._hits: dict[str, int] = {}
        self._sessions: dict[str, Pausing] = {}
        self._stops: dict[str, Stop] = {}
        self._past: Recent[str, str] = Recent(_REMEMBERED)
        """How those that were paused went on."""
        tap.over.append(self._over)

    # -- the hooks ------------------------------------------------------------------------------------------------------

    def wants(self, session: Session) -> bool:
        """Whether messages of a session are looked at here; see `Occasional`."""
        points = [point for point in self._points.values() if point.wants(session)]
        session.breaks_sound = bool(session.paused) or any(point.wants_sound for point in points)
        session.watched = session.watched or session.breaks_sound
        return bool(points or session.paused)

    def queue(self, session: Session, frame: Frame) -> Verdict | None:
        """Whether a message waits behind one that is paused."""
        pausing = self._sessions.get(session.id)
        if pausing is None or not pausing.dam.stops(frame):
            return None
        if pausing.dam.has_room(frame) and self._has_room(frame):
            return BEHIND
        pausing.open(frame.from_client)
        return None

    def frame(self, session: Session, frame: Frame) -> Verdict | None:
        """Whether a message is paused, as it is now."""
        if isinstance(frame, Operated | Ahead) or not self.allowed or (frame.from_client and session.pin.waiting):
            return None
        point = next((point for point in self._points.values() if point.fits(session, frame)), None)
        if point is None or (pausing := self._pausing(session)) is None or not pausing.is_open:
            return None
        if not (pausing.dam.has_room(frame) and self._has_room(frame)):
            pausing.passes_by(point, frame)
            return None
        return self._pause(pausing, point, frame)

    def part(self, session: Session, now: float) -> None:
        """A session is about to end."""
        if (pausing := self._sessions.get(session.id)) is not None:
            pausing.part(now)

    def look(self) -> None:
        """Rules that allow no breakpoints any more take all away."""
        if (self._points or self._stops) and not self.allowed:
            for name in {*self._points, *(stop.point.id for stop in self._stops.values())}:
                self.remove(name)

    # -- the operator ---------------------------------------------------------------------------------------------------

    @property
    def allowed(self) -> bool:
        """Whether the rules allow any of this."""
        return self._tap.rules.breakpoints

    def points(self) -> list[Record]:
        """All breakpoints, the oldest first."""
        return [point.record(self._hits[point.id]) for point in self._points.values()]

    def paused(self) -> list[Record]:
        """All messages that are paused, the oldest first."""
        return [self._record(stop) for stop in self._stops.values()]

    def add(self, q: str, *, timeout: float, once: bool, by: str) -> Record:
        """Set a breakpoint. Raises BadFilter, TooMany."""
        now = utc_now()
        point = breakpoint_of(f"bp_{token_hex(6)}", q, once=once, timeout=timeout, created_at=stamp(now), by=by, now=now)
        if len(self._points) >= MOST:
            raise TooMany
        self._points[point.id] = point
        self._hits[point.id] = 0
        self._renew_all()
        return point.record(0)

    def remove(self, name: str, by: str | None = None) -> None:
        """Take a breakpoint away; what it paused goes on. Raises KeyError."""
        stops = [stop for stop in self._stops.values() if stop.point.id == name]
        if self._points.pop(name, None) is None and not stops:
            raise KeyError(name)
        for stop in stops:
            self._sessions[stop.session.id].resume(stop, "removed", by)
        self._hits.pop(name, None)
        self._renew_all()

    def show(self, name: str) -> Record:
        """A paused message with what is in it. Raises KeyError, Gone."""
        stop = self._stop(name)
        return {**self._record(stop), **stop.content()}

    def stop(self, name: str) -> Stop:
        """A paused message. Raises KeyError, Gone."""
        return self._stop(name)

    def resume(self, name: str, by: str) -> Outcome:
        """Let it go on as it is. Raises KeyError, Gone."""
        stop = self._stop(name)
        return self._sessions[stop.session.id].resume(stop, "resumed", by)

    def edit(self, name: str, payload: bytes, by: str) -> Outcome:
        """Let another message go on in its place. Raises KeyError, Gone."""
        stop = self._stop(name)
        if payload == stop.frame.payload:
            return self.resume(name, by)
        return self._sessions[stop.session.id].edit(stop, payload, by)

    def drop(self, name: str, by: str) -> None:
        """Send nothing of it. Raises KeyError, Gone."""
        stop = self._stop(name)
        self._sessions[stop.session.id].drop(stop, by)

    def inject(self, session: str, *, from_client: bool, payload: bytes, text: bool, by: str) -> Record:
        """Make a message in the name of a side of a live session. Raises Gone."""
        found = self._tap.live.get(session)
        if found is None or found[1].tunnel.ending is not None:
            raise Gone("the session is over")
        live, line = found
        now = time.monotonic()
        frame = Operated(from_client, payload, text=text, at=now)
        told = {"session": session, "from": "client" if from_client else "server", "type": kind_of(frame), "size": len(payload)}
        waits = from_client in live.paused
        record(self._tap.findings, live, frame, "injected", {"by": by})
        line.tunnel.inject(frame, now)
        line.pump()
        return {**told, "waits": waits}

    # -- inside ---------------------------------------------------------------------------------------------------------

    def _pause(self, pausing: Pausing, point: Breakpoint, frame: Frame) -> Verdict:
        stop = pausing.pause(f"ps_{token_hex(6)}", point, frame)
        self._stops[stop.id] = stop
        self._hits[point.id] += 1
        if point.once:
            del self._points[point.id]
            del self._hits[point.id]
            asyncio.get_running_loop().call_soon(self._renew_all)
        verdict = pausing.stands(stop)
        self._tell("paused", stop, self._record(stop))
        return verdict

    def _gone_on(self, stop: Stop, reason: Reason, outcome: Outcome) -> None:
        if self._stops.pop(stop.id, None) is None:
            return
        self._past[stop.id] = reason
        about = {"id": stop.id, "session": stop.session.id, "breakpoint": stop.point.id}
        self._tell("resumed", stop, {**about, "reason": reason, "outcome": outcome})

    def _tell(self, what: Literal["paused", "resumed"], stop: Stop, record: Record) -> None:
        for told in self.told:
            told(what, stop.session.id, record)

    def _pausing(self, session: Session) -> Pausing | None:
        """Of a live session."""
        if session.id not in self._sessions and (found := self._tap.live.get(session.id)) is not None:
            self._sessions[session.id] = Pausing(
                session,
                found[1],
                self._tap.findings,
                behind=self._behind,
                withdrawn=self._withdrawn,
                changed=self._changed,
                told=self._gone_on,
            )
        return self._sessions.get(session.id)

    def _behind(self, session: Session, frame: Frame) -> Verdict | None:
        return self.inspection.behind(self, session, frame)

    def _changed(self, session: Session) -> None:
        """Something stands still in a session, or nothing does any more."""
        if session.paused:
            session.breaks_sound = session.watched = True
        else:
            asyncio.get_running_loop().call_soon(self._renew, session)

    def _renew_all(self) -> None:
        for session, _ in list(self._tap.live.values()):
            self._renew(session)

    def _renew(self, session: Session) -> None:
        self.inspection.renew(session)
        self._watch(session)

    def _record(self, stop: Stop) -> Record:
        return stop.record(self._sessions[stop.session.id].dam.behind(stop), time.monotonic())

    def _stop(self, name: str) -> Stop:
        if name in self._past:
            raise Gone(self._past[name])
        return self._stops[name]

    def _has_room(self, frame: Frame) -> bool:
        return sum(pausing.dam.bytes for pausing in self._sessions.values()) + len(frame.payload) <= MOST_BYTES

    def _over(self, session: Session) -> None:
        if (pausing := self._sessions.pop(session.id, None)) is not None:
            pausing.over()
