"""Hints for developers, as findings: each at most once a session, and never in the way of a message.

Stands behind everything else, so what it reads is what crossed; of sound it sees what was found when that was read.
"""

from __future__ import annotations

from typing import Literal

from addons.tap import Tap
from realtime.frame import AUDIO
from realtime.frame import Frame
from realtime.hints import Hint
from realtime.hints import replaced
from realtime.jsonpath import written
from realtime.session import Session
from realtime.verdict import Verdict


class Hinting:
    """Reads, never judges."""

    audio: Literal["later", "never"] = "later"

    def __init__(self, tap: Tap) -> None:
        self.tap = tap

    def frame(self, session: Session, frame: Frame) -> Verdict | None:
        hints = session.hints
        if frame.type not in AUDIO and session.dialect.name == "openai":
            hints.message(frame)
            if frame.type == "session.created" and session.family == "realtime":
                hints.tell(replaced(session.kind, session.upstream_model, session.provider_model, session.aliases))
        if hints.found:
            for hint in hints.take():
                _record(self.tap, session, hint, frame)
        return None


def _record(tap: Tap, session: Session, hint: Hint, frame: Frame) -> None:
    tap.findings.record(
        session,
        "hint",
        "warn",
        severity=hint.severity,
        from_client=frame.from_client,
        event_type=frame.type,
        path=written(hint.path) if hint.path else "",
        detail={"code": hint.code, "reason": hint.reason, "advice": hint.advice},
    )
