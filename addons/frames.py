"""The frame hooks, in the order in which they look: what may not cross, which model runs, what was said."""

from __future__ import annotations

from typing import Literal

from realtime.frame import Frame
from realtime.session import Session
from realtime.tunnel import Verdict


class Turns:
    """Reads, never judges."""

    audio: Literal["later", "never"] = "later"

    def frame(self, session: Session, frame: Frame) -> Verdict | None:
        session.observe(frame)
        return None


class Secrecy:
    """Keeps credentials on their own side of the proxy: a provider that echoes a header, an app that says its key."""

    audio: Literal["later", "never"] = "never"

    def frame(self, session: Session, frame: Frame) -> Verdict | None:
        secret = session.secrets.client if frame.from_client else session.secrets.upstream
        blanked = secret.blanked(frame.payload)
        if blanked is frame.payload:
            return None
        session.leaks += 1
        return Verdict("replace", payload=blanked)


class Pin:
    """Holds a session to the model it was let in with."""

    audio: Literal["later", "never"] = "never"

    def frame(self, session: Session, frame: Frame) -> Verdict | None:
        verdict = session.pin.check(frame)
        if session.model is None and session.pin.model is not None:
            session.model = session.pin.model
        return verdict
