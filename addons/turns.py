"""What was said: every frame that crosses becomes signals, and the signals become turns, usage and audio seconds."""

from __future__ import annotations

from realtime.frame import Frame
from realtime.session import Session
from realtime.tunnel import Verdict


class Turns:
    """Reads, never judges."""

    def frame(self, session: Session, frame: Frame) -> Verdict | None:
        session.observe(frame)
        return None


class Pin:
    """Holds a session to the model it was let in with."""

    def frame(self, session: Session, frame: Frame) -> Verdict | None:
        verdict = session.pin.check(frame)
        if session.model is None and session.pin.model is not None:
            session.model = session.pin.model
        return verdict
