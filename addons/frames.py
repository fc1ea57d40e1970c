"""The frame hooks, in the order in which they look: what may not cross, which model runs, what was said."""

from __future__ import annotations

from typing import Final

from realtime.frame import Frame
from realtime.session import Session
from realtime.tunnel import Verdict

REDACTED: Final = b"[redacted by voicetap]"


class Turns:
    """Reads, never judges."""

    audio = True

    def frame(self, session: Session, frame: Frame) -> Verdict | None:
        session.observe(frame)
        return None


class Secrecy:
    """Keeps credentials on their own side of the proxy: a provider that echoes a header, an app that says its key."""

    audio = False

    def frame(self, session: Session, frame: Frame) -> Verdict | None:
        secret = session.secrets.client if frame.from_client else session.secrets.upstream
        if not secret or frame.head.audio or frame.head.delta or secret not in frame.payload:
            return None
        session.leaks += 1
        return Verdict("replace", payload=frame.payload.replace(secret, REDACTED))


class Pin:
    """Holds a session to the model it was let in with."""

    audio = False

    def frame(self, session: Session, frame: Frame) -> Verdict | None:
        verdict = session.pin.check(frame)
        if session.model is None and session.pin.model is not None:
            session.model = session.pin.model
        return verdict
