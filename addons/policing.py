"""Policies at work: every message of every session is judged by those in force, and what matched becomes a finding.

A changed rules file counts for live sessions from their next message on. Words that are held back, so that a value cut into
pieces is seen whole, are let go by the clock.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
from typing import Final
from typing import Literal

from addons.findings import Scalar
from addons.rules import blanks_texts
from addons.tap import Tap
from realtime.errors import close_reason
from realtime.frame import Frame
from realtime.policies import PASSES
from realtime.policies import Hit
from realtime.policies import Judge
from realtime.policies import Judgement
from realtime.policies import Limits
from realtime.policies import Trace
from realtime.policies import trace_of
from realtime.session import Session
from realtime.verdict import Verdict
from store.export.native import Action

LIMITS: Final = Limits()
CLOSE: Final = "close"
"""The type under which policies and findings know the reason of a close."""
_SOON: Final = 0.05
"""Seconds after which words are looked at again whose time is up while their side stands still."""
MAX_TAGS: Final = 32
"""Words that policies put on one session."""


class Policing:
    """The frame hook that asks the policies. Its judges live as long as their sessions."""

    audio: Literal["later", "never"] = "never"

    def __init__(self, tap: Tap) -> None:
        self.tap = tap
        self._judges: dict[str, Judge] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self.told: list[Callable[[Session, Sequence[Hit]], None]] = []
        """Who is told of what matched."""
        self.catch_up: Callable[[Session], None] = lambda session: None
        """Has what crossed before read, so that what is found is told of the right turn."""
        tap.over.append(self._over)

    def frame(self, session: Session, frame: Frame) -> Verdict | None:
        return self.judged(session, frame).verdict

    def judged(self, session: Session, frame: Frame) -> Judgement:
        """What the policies say of a message, and what follows from it for the session."""
        judge = self._judges.get(session.id)
        policies = self.tap.generation.policies
        if judge is None:
            judge = self._judges[session.id] = Judge(policies, session.dialect.name, LIMITS, time.thread_time)
        judge.policies = policies
        judged = judge.judge(frame, frame.at)
        if judged is PASSES:
            return judged
        if judge.traces or judged.hits:
            self.catch_up(session)
        if judge.traces:
            self._note(session, judge, judge.traces)
        if judged.hits:
            self.watch(session)
            self._tell(session, judge, judged.hits)
        if judge.deadline is not None:
            self._wait(session, judge.deadline)
        return judged

    def watch(self, session: Session) -> None:
        """Note whether sound is judged before it crosses, which may have changed."""
        judge = self._judges.get(session.id)
        session.watched = session.gates.hold or session.breaks_sound or (judge is not None and judge.silences)

    def reason(self, session: Session, from_client: bool, text: str) -> str:
        """What the policies leave of the reason that a side gives for its close: they see it as `{"type": "close", "reason": …}`."""
        if not text:
            return text
        said = json.dumps({"type": CLOSE, "reason": text}, ensure_ascii=False).encode()
        verdict = self.frame(session, Frame(from_client, said, at=time.monotonic()))
        if verdict is None or verdict.action == "pass":
            return text
        left = json.loads(verdict.payload) if verdict.action == "replace" else {}
        return close_reason(left["reason"]) if left.get("type") == CLOSE else ""

    def held_since(self, session: Session) -> float | None:
        """When the oldest words of the model came that are held here; None where none are."""
        judge = self._judges.get(session.id)
        return None if judge is None else judge.held_since

    def stop(self, session: Session, frame: Frame, why: str) -> Verdict:
        """Break off the answer that a message of the provider is part of, as a policy that could not judge it would."""
        session.watched = True
        return self._judges[session.id].stop(frame, why)

    def rest(self, session: Session, from_client: bool, now: float, *, broken: bool) -> Sequence[Frame]:
        """What is held of a side that says no more, or was `broken` off."""
        judge = self._judges.get(session.id)
        if judge is None:
            return ()
        released = judge.flush(now, from_client, broken=broken)
        self._tell(session, judge, released.hits)
        return released.frames

    def _wait(self, session: Session, deadline: float) -> None:
        """Look again at `deadline`, unless that is to happen earlier anyway."""
        loop, timer = asyncio.get_running_loop(), self._timers.get(session.id)
        seconds = max(0.0, deadline - time.monotonic())
        if timer is not None and timer.when() <= loop.time() + seconds:
            return
        if timer is not None:
            timer.cancel()
        self._timers[session.id] = loop.call_later(seconds, self._release, session)

    def _release(self, session: Session) -> None:
        """Let go what was held for long enough."""
        del self._timers[session.id]
        judge, live = self._judges.get(session.id), self.tap.live.get(session.id)
        if judge is None or live is None:
            return
        now = time.monotonic()
        released = judge.due(now, session.paused)
        self._tell(session, judge, released.hits)
        for frame in released.frames:
            live[1].tunnel.inject(frame, now)
        live[1].pump_if_due()
        if judge.deadline is not None:
            self._wait(session, max(judge.deadline, now + _SOON) if session.paused else judge.deadline)

    def _note(self, session: Session, judge: Judge, traces: Iterable[Trace]) -> None:
        """What was found is not stored as it was said, nor is the sound of words that did not cross so."""
        known = {policy.id: policy for policy in judge.policies.policies}
        for trace in traces:
            if (policy := known.get(trace.policy)) is not None:
                session.marked.note(policy, trace)
            if trace.stopped and session.listener is not None:
                session.listener.silence(trace)

    def _tell(self, session: Session, judge: Judge, hits: Sequence[Hit]) -> None:
        for told in self.told:
            told(session, hits)
        self._note(session, judge, map(trace_of, hits))
        blanked = blanks_texts(self.tap.rules)
        for hit in hits:
            if hit.tag is not None and not hit.detail and len(session.tags) < MAX_TAGS:
                session.tags[hit.tag] = None
            tell(self.tap, session, hit, session.marked.excerpt(hit.excerpt) if blanked else hit.excerpt)

    def _over(self, session: Session) -> None:
        self._judges.pop(session.id, None)
        timer = self._timers.pop(session.id, None)
        if timer is not None:
            timer.cancel()


def tell(tap: Tap, session: Session | None, hit: Hit, excerpt: str, *, principal: str | None = None, model: str | None = None) -> None:
    """Record what a policy found, in a session or outside of any; `principal` and `model` are for the latter."""
    tap.findings.record(
        session,
        "policy",
        done(hit),
        severity=hit.severity,
        mode=hit.mode,
        policy=hit.policy,
        from_client=hit.from_client,
        event_type=hit.event_type,
        path=hit.path,
        excerpt=excerpt,
        detail=detail_of(hit),
        principal=principal,
        model=model,
    )


def detail_of(hit: Hit) -> dict[str, Scalar]:
    """What else there is to say of it."""
    known = {"applied": hit.applied, "text": hit.kind, "response_id": hit.response_id, "reason": hit.detail or None}
    return {name: value for name, value in known.items() if value is not None}


def done(hit: Hit) -> Action:
    """What the policy says where it matched; where it could not judge the message, whether that was stopped."""
    if not hit.detail:
        return hit.action
    return "block" if hit.applied else "warn"
