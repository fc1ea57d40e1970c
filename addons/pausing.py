"""What is paused in one session, and what becomes of it: it goes on, is changed or dropped, each of which is put on record.

What an operator changes or makes is shown to everybody who judges messages, as if its side had said it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from hashlib import sha256
from typing import Final

from addons.breakpoint import Breakpoint
from addons.findings import Findings
from addons.findings import Scalar
from addons.relay import Line
from addons.stopped import NOT_SENT
from addons.stopped import Outcome
from addons.stopped import Reason
from addons.stopped import Stop
from addons.stopped import record
from realtime.dam import Dam
from realtime.frame import Frame
from realtime.leg import Held
from realtime.made import Operated
from realtime.session import Session
from realtime.verdict import Verdict
from store.export.native import Action

AT_ONCE: Final = 200
"""Messages that go on in one go, so that many that waited delay no other session."""


class Pausing:
    """Of one session, from its first message that is paused on.

    `behind` asks those who look at a message behind the breakpoints; `withdrawn` is told of one that had passed all before them and
    is not sent as it was; `changed` is told when something begins to wait, or nothing does any more; `told` of each stop that is over.
    """

    def __init__(
        self,
        session: Session,
        line: Line,
        findings: Findings,
        *,
        behind: Callable[[Session, Frame], Verdict | None],
        withdrawn: Callable[[Session, Frame], None],
        changed: Callable[[Session], None],
        told: Callable[[Stop, Reason, Outcome], None],
    ) -> None:
        self.session = session
        self.dam = Dam(line.tunnel, line.inspect)
        self._line = line
        self._findings = findings
        self._behind = behind
        self._withdrawn = withdrawn
        self._changed = changed
        self._told = told
        self._since = 0.0
        self._draining = False

    @property
    def is_open(self) -> bool:
        """Whether messages may still be paused."""
        return self._line.tunnel.ending is None and not self._draining

    def pause(self, name: str, point: Breakpoint, frame: Frame) -> Stop:
        """Pause a message that is being judged; see `Dam.pause` for the verdict."""
        now = time.monotonic()
        stop = Stop(name, frame, now, now + point.timeout, self.session, point)
        stop.timer = asyncio.get_running_loop().call_later(point.timeout, self.resume, stop, "timed_out")
        self._note(stop, "paused", {"by": point.by, "timeout": point.timeout})
        return stop

    def stands(self, stop: Stop) -> Verdict:
        """The verdict on a message that is paused now."""
        verdict = self.dam.pause(stop)
        self._look()
        return verdict

    def passes_by(self, point: Breakpoint, frame: Frame) -> None:
        """A message fits a breakpoint and is too large to wait."""
        self._record(frame, "too_large", {"breakpoint": point.id})

    def resume(self, stop: Stop, reason: Reason, by: str | None = None) -> Outcome:
        """Let a message go on."""
        outcome = self._go_on(stop, reason, by)
        self._flow(stop.frame.from_client)
        return outcome

    def drop(self, stop: Stop, by: str) -> None:
        """Send nothing of a message."""
        self._settle(stop, "dropped", by, lambda held: Verdict("drop"))
        self._withdrawn(self.session, stop.frame)
        self._flow(stop.frame.from_client)

    def edit(self, stop: Stop, payload: bytes, by: str) -> Outcome:
        """Let another message go in its place, as far as those who judge messages let it."""

        def judged(held: Held) -> Verdict | None:
            self._withdrawn(self.session, stop.frame)
            made = Operated(held.frame.from_client, payload, text=held.frame.text, at=held.frame.at, was=held.frame)
            before = held.frame
            self._line.tunnel.exchange(held, made)
            self._line.noted(made, before)
            return self.dam.judged(held)

        outcome = self._settle(stop, "edited", by, judged, payload)
        self._flow(stop.frame.from_client)
        return outcome

    def open(self, side: bool) -> None:
        """Too much waits: all of a side goes on at once, within what is being judged now."""
        stop = self.dam.paused.get(side)
        if isinstance(stop, Stop):
            self._go_on(stop, "full")
        self._drain(side)

    def part(self, now: float) -> None:
        """The session is about to end: what waits goes on where a side ends it, and does not where the proxy does."""
        ending = self._line.tunnel.ending
        crosses = ending is not None and ending.side != "proxy"
        for stop in self.stops:
            held = self.dam.held(stop)
            if crosses:
                self._go_on(stop, "session_ended")
                continue
            self._end(stop, "session_ended", "dropped", None, NOT_SENT)
            if held is not None:
                self._line.noted(held.frame, None)
        if not crosses:
            self.dam.empty(now)
        for side in self.dam.standing:
            self._drain(side)
        self._look()

    def over(self) -> None:
        """The session is over, however it came to that."""
        for stop in self.stops:
            self._end(stop, "session_ended", "dropped", None, NOT_SENT)
        self.dam.empty(time.monotonic())

    @property
    def stops(self) -> list[Stop]:
        """What is paused now."""
        return [stop for stop in self.dam.paused.values() if isinstance(stop, Stop)]

    def _go_on(self, stop: Stop, reason: Reason, by: str | None = None) -> Outcome:
        def judged(held: Held) -> Verdict | None:
            return self._behind(self.session, stop.frame)

        return self._settle(stop, reason, by, judged)

    def _settle(
        self, stop: Stop, reason: Reason, by: str | None, judged: Callable[[Held], Verdict | None], after: bytes | None = None
    ) -> Outcome:
        now = time.monotonic()
        held = self.dam.take(stop, now)
        if held is None:
            self._end(stop, reason, "dropped", by)
            return "dropped"
        verdict = judged(held)
        outcome = _outcome(verdict)
        self._end(stop, reason, outcome, by, after=after)
        self._line.noted(held.frame, None)
        self._line.tunnel.settle(held, verdict, now)
        return outcome

    def _end(
        self,
        stop: Stop,
        reason: Reason,
        outcome: Outcome,
        by: str | None,
        words: tuple[Action, str] | None = None,
        after: bytes | None = None,
    ) -> None:
        if stop.timer is not None:
            stop.timer.cancel()
        more: dict[str, Scalar] = {"by": by, "outcome": outcome, "waited": round(time.monotonic() - stop.at, 3)}
        if after is not None:
            more |= {"size_after": len(after), "sha256_after": sha256(after).hexdigest()}
        self._note(stop, reason, more, words)
        self._told(stop, reason, outcome)

    def _flow(self, side: bool) -> None:
        """Let go what waits behind, some at a time."""
        tunnel = self._line.tunnel
        tunnel.last_message = now = time.monotonic()
        if self.dam.flow(side, now, AT_ONCE):
            asyncio.get_running_loop().call_soon(self._flow_on, side)
        self._look()
        self._line.pump_if_due()

    def _flow_on(self, side: bool) -> None:
        if side in self.dam.standing and side not in self.dam.paused:
            self._flow(side)

    def _drain(self, side: bool) -> None:
        """Let go all that waits behind; nothing of it is paused."""
        before, self._draining = self._draining, True
        self.dam.flow(side, time.monotonic())
        self._draining = before
        self._look()

    def _look(self) -> None:
        """Note which sides stand still, and for how long any did."""
        standing, before = self.dam.standing, self.session.paused
        if standing == before:
            return
        now = time.monotonic()
        if before and not standing:
            self.session.stood += now - self._since
        elif standing and not before:
            self._since = now
        self.session.paused = standing
        self._changed(self.session)

    def _note(self, stop: Stop, code: str, more: dict[str, Scalar], words: tuple[Action, str] | None = None) -> None:
        self._record(stop.frame, code, {"breakpoint": stop.point.id, "paused": stop.id, **more}, words)

    def _record(self, frame: Frame, code: str, more: dict[str, Scalar], words: tuple[Action, str] | None = None) -> None:
        record(self._findings, self.session, frame, code, more, words)


def _outcome(verdict: Verdict | None) -> Outcome:
    """What became of a message that went on."""
    if verdict is None or verdict.action in ("pass", "hold"):
        return "passed"
    return "changed" if verdict.action == "replace" else "dropped"
