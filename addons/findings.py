"""What the proxy found: policy hits, decisions of gates, budgets, revocations, refusals, limits and leaks, each as a record of the log.

Bounded: of one session `PER_SESSION` are written, its end among them; after that they are only counted. What is written of a
message is cut, free of the session's credentials, and has an excerpt only where texts may be kept at all.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from secrets import token_hex
from typing import Final

from addons.record import write
from realtime.session import Session
from store.clock import Clock
from store.clock import stamp
from store.clock import utc_now
from store.export.native import Action
from store.export.native import Kind
from store.export.native import Mode
from store.export.native import Severity
from store.findings import PER_SESSION
from store.lines import Row
from store.log import Log

Scalar = str | int | float | bool | None

MAX_EXCERPT: Final = 80
"""Characters."""
MAX_TEXT: Final = 200
"""Characters of any other text that came over the wire."""
MAX_DETAILS: Final = 16

SEVERITIES: Final[Mapping[Kind, Severity]] = {
    "policy": "medium",
    "gate": "medium",
    "budget": "medium",
    "revocation": "medium",
    "refusal": "low",
    "limit": "low",
    "leak": "high",
    "change": "medium",
    "hint": "low",
    "breakpoint": "info",
}
"""How bad a finding is where its maker does not say."""

CAUSES: Final[Mapping[str, tuple[Kind, Action]]] = {
    "limit": ("limit", "close"),
    "budget": ("budget", "close"),
    "revocation": ("revocation", "close"),
    "kill": ("revocation", "kill"),
}
"""What the proxy ends sessions for, see `Ending.cause`: kind and action of the finding."""

_ORDINARY: Final = PER_SESSION - 2
"""Findings of a session that leave room for two more: that the others are only counted, and why the session ended."""


class Findings:
    """Writes findings to the log. `keeps_excerpts` tells whether words of a message may be stored now."""

    def __init__(self, log: Log, keeps_excerpts: Callable[[], bool], clock: Clock = utc_now) -> None:
        self._log = log
        self._keeps_excerpts = keeps_excerpts
        self.told: list[Callable[[Session, Row], None]] = []
        """Who is told of each finding about a message."""
        self._clock = clock

    def record(
        self,
        session: Session | None,
        kind: Kind,
        action: Action,
        *,
        severity: Severity | None = None,
        mode: Mode = "enforce",
        policy: str | None = None,
        from_client: bool | None = None,
        event_type: str = "",
        path: str = "",
        excerpt: str = "",
        detail: Mapping[str, Scalar] | None = None,
        principal: str | None = None,
        model: str | None = None,
    ) -> None:
        """Something was found, in a session or outside of any; `principal` and `model` are for the latter.

        `excerpt` is redacted by whoever found it. `from_client` is the direction of the message it is about.
        """
        made: Row = {
            **self._head(session, kind, action, severity, mode, principal, model),
            "policy": policy,
            "direction": None if from_client is None else "client" if from_client else "server",
            "event_type": _text(session, event_type),
            "path": _text(session, path),
            "excerpt": _text(session, excerpt, MAX_EXCERPT) if self._keeps_excerpts() else None,
            "detail": {name: _scalar(session, value) for name, value in list((detail or {}).items())[:MAX_DETAILS]},
        }
        if session is not None and from_client is not None:
            for told in self.told:
                told(session, made)
        if session is None or self._has_room(session, kind):
            write(self._log.finding, made)

    def ended(self, session: Session, cause: str) -> None:
        """The session was ended by the proxy for `cause`; nothing is found where that is empty."""
        if cause not in CAUSES or session.ending is None:
            return
        kind, action = CAUSES[cause]
        _count(session, kind)
        detail = {"code": session.ending.code, "reason": _text(session, session.ending.reason)}
        write(self._log.finding, {**self._head(session, kind, action), **_NOWHERE, "detail": detail})

    def _has_room(self, session: Session, kind: Kind) -> bool:
        """Count one more of the session; the first that finds no room is said to have none."""
        number = _count(session, kind)
        if number == _ORDINARY + 1:
            reason = f"{_ORDINARY} findings of this session are recorded, further ones are only counted"
            detail = {"code": "too_many_findings", "reason": reason}
            write(self._log.finding, {**self._head(session, "limit", "count"), **_NOWHERE, "detail": detail})
        return number <= _ORDINARY

    def _head(
        self,
        session: Session | None,
        kind: Kind,
        action: Action,
        severity: Severity | None = None,
        mode: Mode = "enforce",
        principal: str | None = None,
        model: str | None = None,
    ) -> Row:
        """What every finding has: what it is, who it is about, and where."""
        return {
            "id": f"fnd_{token_hex(8)}",
            "at": stamp(self._clock()),
            "kind": kind,
            "severity": severity or SEVERITIES[kind],
            "action": action,
            "mode": mode,
            "policy": None,
            "principal": session.principal if session else principal,
            "route": session and session.route,
            "provider": session and session.provider,
            "model": (session.model or session.provider_model) if session else _text(None, model or ""),
            "session": session and session.id,
            "turn": session and _turn(session),
        }


_NOWHERE: Final[Row] = {"direction": None, "event_type": None, "path": None, "excerpt": None}
"""Of a finding that is about no message."""


def _count(session: Session, kind: Kind) -> int:
    session.findings[kind] = session.findings.get(kind, 0) + 1
    return sum(session.findings.values())


def _turn(session: Session) -> int | None:
    """The number of the turn that is open."""
    newest = session.tracker.newest
    return None if newest is None or newest.ended else newest.index


def _text(session: Session | None, text: str, limit: int = MAX_TEXT) -> str | None:
    """A text as it may be stored; None for an empty one."""
    if session is not None:
        text = session.secrets.upstream.blanked_text(session.secrets.client.blanked_text(text))
    return text[:limit] or None


def _scalar(session: Session | None, value: Scalar) -> Scalar:
    return _text(session, value) if isinstance(value, str) else value
