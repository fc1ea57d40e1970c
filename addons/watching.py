"""Tools and instructions under watch: what a key or route does not allow is refused, and changes in a running session are told.

The first hook stands before the policies and refuses tools. The second stands behind them, where a message is as the provider will
get it: what was redacted is compared, and shown, as that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from typing import Literal

from addons.answers import NotAdmitted
from addons.rules import keeps_texts
from addons.tap import Tap
from realtime.frame import Frame
from realtime.jsonpath import written
from realtime.policies.hit import excerpt
from realtime.session import Session
from realtime.verdict import Verdict
from realtime.watch import CHANGED
from realtime.watch import NOT_ALLOWED
from realtime.watch import Change
from realtime.watch import Refused
from realtime.watch import Watch
from realtime.watch import words

MOST: Final = 100
"""Changes of one session that are recorded; a session that changes all the time must not push other findings out."""
_NAMES: Final = 180
"""Characters of the names of tools in each list."""


class Allowing:
    """Which tools a message may name; what a provider changed by itself."""

    audio: Literal["later", "never"] = "never"

    def __init__(self, tap: Tap) -> None:
        self.tap = tap

    def frame(self, session: Session, frame: Frame) -> Verdict | None:
        watch, dialect = session.watch, session.dialect.name
        if not frame.from_client:
            for change in watch.reported(dialect, frame):
                tell(self.tap, session, change, frame)
            return None
        refused = watch.judge(dialect, frame)
        return None if refused is None else _refuse(self.tap, session, refused, frame)


class Watching:
    """What a message changes, which is told, or refused where the rules say so."""

    audio: Literal["later", "never"] = "never"

    def __init__(self, tap: Tap) -> None:
        self.tap = tap

    def frame(self, session: Session, frame: Frame) -> Verdict | None:
        if not frame.from_client:
            return None
        settled = session.watch.settle(session.dialect.name, frame)
        if isinstance(settled, Refused):
            return _refuse(self.tap, session, settled, frame)
        for change in settled:
            tell(self.tap, session, change, frame)
        return None


def configured(watch: Watch, update: bytes) -> Sequence[Change]:
    """A session is configured by a request, which says what this `session.update` would: what that changes. Raises NotAdmitted."""
    frame = Frame(True, update)
    found = watch.judge("openai", frame) or watch.settle("openai", frame)
    if not isinstance(found, Refused):
        return found
    if found.code == NOT_ALLOWED:
        raise NotAdmitted(403, "tool_not_allowed", found.message, param="tools")
    if found.code == CHANGED:
        raise NotAdmitted(403, "change_not_allowed", found.message, param="session")
    raise NotAdmitted(400, "ambiguous_event", found.message, param="session")


def tell(tap: Tap, session: Session, change: Change, frame: Frame | None = None) -> None:
    """A change was made, by a message or (without one) by the request that opened the session."""
    if session.watch.response_to(change) != "allow":
        _record(tap, session, change, "alert", frame)


def _refuse(tap: Tap, session: Session, refused: Refused, frame: Frame) -> Verdict:
    verdict = refused.verdict(session.dialect.name, frame)
    action: Literal["block", "close"] = "close" if verdict.action == "close" else "block"
    if refused.change is not None:
        _record(tap, session, refused.change, action, frame)
    else:
        detail = {"code": refused.code, "reason": refused.message}
        tap.findings.record(session, "refusal", action, from_client=True, event_type=frame.type, detail=detail)
    return verdict


def _record(tap: Tap, session: Session, change: Change, action: Literal["alert", "block", "close"], frame: Frame | None) -> None:
    number = session.findings.get("change", 0)
    if number >= MOST:
        session.findings["change"] = number + 1
        return
    from_client = frame is None or frame.from_client
    text = words(change.place.value) if change.aspect == "instructions" and from_client and keeps_texts(tap.rules) else ""
    tap.findings.record(
        session,
        "change",
        action,
        from_client=from_client,
        event_type=frame.type if frame is not None else "",
        path=written(change.place.keys),
        excerpt=excerpt(text, ()) if text else "",
        detail={name: value for name, value in _detail(change, from_client, number + 1 == MOST).items() if value},
    )


def _detail(change: Change, from_client: bool, is_last: bool) -> dict[str, str]:
    lists = {name: ", ".join(getattr(change, name))[:_NAMES] for name in ("added", "removed", "changed")}
    told = [f"{name} {names}" for name, names in lists.items() if names]
    if change.aspect == "instructions":
        told = [f"sha256 {change.before or 'of none'} to {change.after}"]
    whose = "" if from_client else " by the provider, unasked"
    reason = f"the {change.aspect} were {change.how}{_FOR[change.how]}{whose}: {'; '.join(told) or 'in another way'}"
    more = {"further": f"changes of this session after {MOST} are only counted"} if is_last else {}
    return {"code": f"{change.aspect}_{change.how}", "reason": reason, "before": change.before, "after": change.after, **lists, **more}


_FOR: Final = {"changed": "", "appended": "", "overridden": " for one answer"}
