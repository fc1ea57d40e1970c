"""The frame hooks, in the order in which they look: what may not cross, which model runs, what was said."""

from __future__ import annotations

from typing import Final
from typing import Literal

from addons.findings import Findings
from realtime.frame import Frame
from realtime.session import Session
from realtime.verdict import Verdict
from store.export.native import Severity


class Turns:
    """Reads, never judges."""

    audio: Literal["later", "never"] = "later"

    def frame(self, session: Session, frame: Frame) -> Verdict | None:
        session.observe(frame)
        return None


class Secrecy:
    """Keeps credentials on their own side of the proxy: a provider that echoes a header, an app that says its key."""

    audio: Literal["later", "never"] = "never"

    def __init__(self, findings: Findings) -> None:
        self.findings = findings

    def frame(self, session: Session, frame: Frame) -> Verdict | None:
        secret = session.secrets.client if frame.from_client else session.secrets.upstream
        blanked = secret.blanked(frame.payload)
        if blanked is frame.payload:
            return None
        session.leaks += 1
        shown = Frame(frame.from_client, blanked, text=frame.text, at=frame.at)
        leaked(self.findings, session, frame.from_client, shown.type)
        return Verdict("replace", payload=blanked)


class Pin:
    """Holds a session to the model it was let in with."""

    audio: Literal["later", "never"] = "never"

    def __init__(self, findings: Findings) -> None:
        self.findings = findings

    def frame(self, session: Session, frame: Frame) -> Verdict | None:
        verdict = session.pin.check(frame)
        if verdict is not None and verdict.action in ("drop", "close"):
            action: Literal["block", "close"] = "close" if verdict.action == "close" else "block"
            detail = {"code": "model_not_allowed", "reason": session.pin.refused}
            self.findings.record(session, "refusal", action, from_client=True, event_type=frame.type, detail=detail)
        if session.model is None and session.pin.model is not None:
            session.model = session.pin.model
        return verdict


def leaked(findings: Findings, session: Session, from_client: bool, event_type: str) -> None:
    """A credential was kept from crossing: the app's key towards the provider, or the provider's towards the app."""
    whose, severity = _LEAKS[from_client]
    detail = {"code": "credential", "reason": f"the {whose} was about to cross and is blanked"}
    findings.record(session, "leak", "blank", severity=severity, from_client=from_client, event_type=event_type, detail=detail)


_LEAKS: Final[dict[bool, tuple[str, Severity]]] = {True: ("key of the app", "medium"), False: ("credential of the provider", "high")}
