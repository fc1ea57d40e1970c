"""A message that stands at a breakpoint, how it is shown, and what is put on record of it."""

from __future__ import annotations

import asyncio
import time
from base64 import b64encode
from dataclasses import dataclass
from datetime import UTC
from datetime import datetime
from hashlib import sha256
from typing import Any
from typing import Final
from typing import Literal

from addons.breakpoint import Breakpoint
from addons.breakpoint import kind_of
from addons.findings import Findings
from addons.findings import Scalar
from realtime.dam import Paused
from realtime.frame import Frame
from realtime.session import Session
from store.clock import stamp
from store.export.native import Action

Reason = Literal["resumed", "edited", "dropped", "timed_out", "removed", "full", "session_ended"]
Outcome = Literal["passed", "changed", "dropped"]

_WORDS: Final[dict[str, tuple[Action, str]]] = {
    "paused": ("hold", "a message is paused"),
    "resumed": ("release", "the operator let it go on"),
    "edited": ("edit", "the operator changed it"),
    "dropped": ("drop", "the operator dropped it"),
    "timed_out": ("release", "it went on by itself, its time was up"),
    "removed": ("release", "it went on, its breakpoint was removed"),
    "full": ("release", "it went on, too much waited behind it"),
    "too_large": ("release", "it is not paused, it is too large to wait"),
    "session_ended": ("release", "it went on, the session was about to end"),
    "injected": ("inject", "the operator made a message in the name of this side"),
}
"""Code of the finding -> action, and what happened."""
NOT_SENT: Final[tuple[Action, str]] = ("drop", "it was not sent, the proxy ended the session")


@dataclass(slots=True, eq=False)
class Stop(Paused):
    """A message that stands at a breakpoint."""

    session: Session
    point: Breakpoint
    timer: asyncio.TimerHandle | None = None

    def record(self, behind: int, now: float) -> dict[str, Any]:
        """As the control port lists it."""
        return {
            "id": self.id,
            "breakpoint": self.point.id,
            "session": self.session.id,
            "key": self.session.principal,
            "from": "client" if self.frame.from_client else "server",
            "type": kind_of(self.frame),
            "size": len(self.frame.payload),
            "text": self.frame.text,
            "at": self._moment(self.at - now),
            "until": self._moment(self.until - now),
            "n_behind": behind,
        }

    def content(self) -> dict[str, str]:
        """The message itself: `payload` where it is UTF-8, else `data` in base64."""
        try:
            return {"payload": self.frame.payload.decode()}
        except UnicodeDecodeError:
            return {"data": b64encode(self.frame.payload).decode()}

    def _moment(self, seconds: float) -> str:
        return stamp(datetime.fromtimestamp(time.time() + seconds, UTC))


def record(
    findings: Findings, session: Session, frame: Frame, code: str, more: dict[str, Scalar], words: tuple[Action, str] | None = None
) -> None:
    """Put on record what was done to a message, without what is in it."""
    action, reason = words or _WORDS[code]
    about: dict[str, Scalar] = {"size": len(frame.payload), "sha256": sha256(frame.payload).hexdigest()}
    detail: dict[str, Scalar] = {
        "code": code,
        "reason": reason,
        **about,
        **{name: value for name, value in more.items() if value is not None},
    }
    findings.record(session, "breakpoint", action, from_client=frame.from_client, event_type=kind_of(frame), detail=detail)
