"""A breakpoint: which messages of which sessions are paused, told in one line of the grammar of filters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any
from typing import Final
from typing import Literal

from realtime.frame import AUDIO
from realtime.frame import Frame
from realtime.session import Session
from store.filters import MESSAGE
from store.filters import BadFilter
from store.filters import parsed
from store.frames import MAX_TYPE
from store.lines import whole
from store.query import fitting
from store.query import has_text

Side = Literal["client", "server"]
SIDES: Final[Mapping[str, bool]] = {"client": True, "server": False}
"""Who says a message, and whether that is the client."""


@dataclass(frozen=True, slots=True)
class Breakpoint:
    """`timeout` in seconds is how long a message waits at most; `once`: gone after the first. `by` is who set it, as far as known."""

    id: str
    q: str
    once: bool
    timeout: float
    created_at: str
    by: str
    sessions: Mapping[str, str]
    """Globs by field of a session."""
    type: str | None = None
    from_client: bool | None = None
    text: str | None = None
    """Case-folded."""

    def wants(self, session: Session) -> bool:
        """Whether messages of this session may fit; one whose model nobody named yet may get any."""
        known = described(session)
        asked = {name: glob for name, glob in self.sessions.items() if name != "model" or known["model"] is not None}
        return fitting(known, asked)

    @property
    def wants_sound(self) -> bool:
        """Whether messages of mere sound may fit."""
        return self.text is None and (self.type is None or any(fnmatchcase(kind, self.type) for kind in AUDIO))

    def fits(self, session: Session, frame: Frame) -> bool:
        """Whether a message is to be paused."""
        return (
            self.from_client in (None, frame.from_client)
            and (self.type is None or any(fnmatchcase(kind, self.type) for kind in kinds_of(frame)))
            and (self.text is None or says(frame, self.text))
            and fitting(described(session), self.sessions)
        )

    def record(self, hits: int) -> dict[str, Any]:
        """As the control port tells it."""
        known = {"id": self.id, "q": self.q, "once": self.once, "timeout": self.timeout}
        return {**known, "created_at": self.created_at, "by": self.by, "hits": hits}


def breakpoint_of(name: str, q: str, *, once: bool, timeout: float, created_at: str, by: str, now: datetime) -> Breakpoint:
    """Read a line of conditions. Raises BadFilter."""
    wanted = parsed(q, MESSAGE, now)
    if wanted.since is not None or wanted.until is not None:
        raise BadFilter("a breakpoint has no times", f"write name=value with one of {', '.join(MESSAGE)}")
    globs = dict(wanted.globs)
    kind, side = globs.pop("type", None), globs.pop("from", None)
    if side is not None and side not in SIDES:
        raise BadFilter(f"from is {' or '.join(SIDES)}, not {side[:40]!r}", "the client is the app, the server the provider")
    text = wanted.text.casefold() if wanted.text is not None else None
    return Breakpoint(name, q, once, timeout, created_at, by, globs, kind, None if side is None else SIDES[side], text)


def described(session: Session) -> dict[str, str | None]:
    """The fields of a session that a breakpoint asks for."""
    model = session.model or session.provider_model
    return {"id": session.id, "principal": session.principal, "provider": session.provider, "route": session.route, "model": model}


def kinds_of(frame: Frame) -> tuple[str, ...]:
    """The type of a message; where it has none (Gemini), the names of its parts."""
    if frame.type:
        return (frame.type,)
    return tuple(frame.event or ()) or ("",)


def kind_of(frame: Frame) -> str:
    """The first of these, as it is shown."""
    return str(whole(kinds_of(frame)[0]))[:MAX_TYPE]


def says(frame: Frame, text: str) -> bool:
    """Whether a message has these words, case-folded, in any of its texts. Sound has none."""
    if frame.type in AUDIO:
        return False
    if frame.event is not None:
        return has_text(frame.event, text)
    return frame.text and text in frame.payload.decode(errors="replace").casefold()
