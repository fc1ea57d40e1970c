"""For which reasons the proxy itself ends a live session: limits, the provider's quota, a key that works no more, an interface."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from typing import NamedTuple

from addons.inspection import FAILED
from addons.relay import KILLED
from addons.relay import Line
from addons.tap import Tap
from realtime.errors import provider_error_event
from realtime.framing import Close
from realtime.session import Session

SHUTTING_DOWN: Final = "the proxy is shutting down"


CODES: Final = {
    1001: ("server_error", "going_away"),
    1008: ("invalid_request_error", "policy_violation"),
    1009: ("invalid_request_error", "message_too_big"),
}
"""What the error event before a close of our own says, by close code: (type, code)."""


class Cut(NamedTuple):
    """Why the proxy ends a session; `cause` as in `Ending`."""

    close: Close
    cause: str = ""


def must_end(tap: Tap, session: Session, line: Line, now: float) -> Cut | None:
    """The first reason for which a session may not go on."""
    limits = tap.rules.limits
    if line.killed:
        return Cut(KILLED, "kill")
    if tap.draining:
        return Cut(Close(1001, SHUTTING_DOWN))
    if now - session.opened >= limits.session:
        return Cut(Close(1001, f"session limit of {limits.session:g} s reached"), "limit")
    if not session.paused and now - line.tunnel.last_message >= limits.idle:
        return Cut(Close(1008, f"idle for {limits.idle:g} s"), "limit")
    if line.stalled_for(now) >= limits.write:
        return Cut(Close(1008, f"a side did not read for {limits.write:g} s"), "limit")
    if tap.log.failure is not None and tap.rules.on_error == "block":
        return Cut(Close(1011, "the log cannot be written"))
    if session.hook_failures and tap.rules.on_error == "block":
        return Cut(FAILED.close)
    if session.quota is not None:
        return Cut(Close(1008, session.quota), "budget")
    overdue = session.pin.overdue(now)
    return None if overdue is None else Cut(overdue, "limit")


def not_allowed(session: Session) -> Cut | None:
    """Why the rules and keys as they are now would not let a session in any more."""
    close = session.forbidden(session.model)
    return None if close is None else Cut(close, "revocation")


def cause_of(session: Session, line: Line) -> str:
    """For what the proxy ended a session, as in `Ending`; empty where a side did."""
    ending = session.ending
    if ending is None or ending.side != "proxy":
        return ""
    return ending.cause or ("kill" if line.killed else "")


def error_event(session: Session | None) -> Callable[[Close], bytes | None]:
    """What is said to the client before a close of our own."""

    def event(close: Close) -> bytes | None:
        if session is None:
            return None
        kind, code = CODES.get(close.code, ("server_error", "session_closed"))
        return provider_error_event(close.reason, type=kind, code=code, dialect=session.dialect.name)

    return event
