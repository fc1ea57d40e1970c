"""Policies at work: every message of every session is judged by those in force, and what matched becomes a finding.

A changed rules file counts for live sessions from their next message on. Words that are held back, so that a value cut into
pieces is seen whole, are let go by the clock.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Final
from typing import Literal

from addons.tap import Tap
from realtime.frame import Frame
from realtime.policies import Hit
from realtime.policies import Judge
from realtime.policies import Limits
from realtime.session import Session
from realtime.verdict import Verdict

LIMITS: Final = Limits()
MAX_TAGS: Final = 32
"""Words that policies put on one session."""


class Policing:
    """The frame hook that asks the policies. Its judges live as long as their sessions."""

    audio: Literal["later", "never"] = "never"

    def __init__(self, tap: Tap) -> None:
        self.tap = tap
        self._judges: dict[str, Judge] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        tap.over.append(self._over)

    def frame(self, session: Session, frame: Frame) -> Verdict | None:
        judge = self._judges.get(session.id)
        policies = self.tap.generation.policies
        if judge is None:
            judge = self._judges[session.id] = Judge(policies, session.dialect.name, LIMITS, time.thread_time)
        judge.policies = policies
        judged = judge.judge(frame, frame.at)
        if judged.hits:
            session.watched = judge.silences
            self._tell(session, judged.hits)
        if judge.deadline is not None and session.id not in self._timers:
            self._wait(session, judge.deadline)
        return judged.verdict

    def rest(self, session: Session, from_client: bool, now: float) -> Sequence[Frame]:
        """What is held of a side that says no more."""
        judge = self._judges.get(session.id)
        if judge is None:
            return ()
        released = judge.flush(now, from_client)
        self._tell(session, released.hits)
        return released.frames

    def _wait(self, session: Session, deadline: float) -> None:
        loop = asyncio.get_running_loop()
        self._timers[session.id] = loop.call_later(max(0.0, deadline - time.monotonic()), self._release, session)

    def _release(self, session: Session) -> None:
        """Let go what was held for long enough."""
        del self._timers[session.id]
        judge, live = self._judges.get(session.id), self.tap.live.get(session.id)
        if judge is None or live is None:
            return
        now = time.monotonic()
        released = judge.due(now)
        self._tell(session, released.hits)
        for frame in released.frames:
            live[1].tunnel.inject(frame, now)
        live[1].pump_if_due()
        if judge.deadline is not None and session.id not in self._timers:
            self._wait(session, judge.deadline)

    def _tell(self, session: Session, hits: Sequence[Hit]) -> None:
        for hit in hits:
            if hit.tag is not None and len(session.tags) < MAX_TAGS:
                session.tags[hit.tag] = None
            detail = {"applied": hit.applied, "text": hit.kind, "response_id": hit.response_id, "reason": hit.detail or None}
            self.tap.findings.record(
                session,
                "policy",
                hit.action,
                severity=hit.severity,
                mode=hit.mode,
                policy=hit.policy,
                from_client=hit.from_client,
                event_type=hit.event_type,
                path=hit.path,
                excerpt=hit.excerpt,
                detail={name: value for name, value in detail.items() if value is not None},
            )

    def _over(self, session: Session) -> None:
        self._judges.pop(session.id, None)
        timer = self._timers.pop(session.id, None)
        if timer is not None:
            timer.cancel()
