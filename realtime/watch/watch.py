"""What a session may be configured with, and whether that stays as it was: tools by allow-lists, changes told or refused.

A message is judged before policies see it, and taken for set only once it crossed, as it crossed. Messages that configure nothing
cost a look-up of their type.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from typing import Any
from typing import Final
from typing import Literal
from typing import NamedTuple

from realtime.doubt import CODE as AMBIGUOUS
from realtime.doubt import doubt
from realtime.errors import close_reason
from realtime.errors import provider_error_event
from realtime.frame import Frame
from realtime.framing import Close
from realtime.texts import SOUND
from realtime.verdict import Verdict
from realtime.watch.allowed import ToolList
from realtime.watch.allowed import refused
from realtime.watch.inforce import Change
from realtime.watch.inforce import InForce
from realtime.watch.marks import Mark
from realtime.watch.marks import mark
from realtime.watch.places import Place
from realtime.watch.places import places

Response = Literal["alert", "block", "allow"]

NOT_ALLOWED: Final = "tool_not_allowed"
CHANGED: Final = "change_not_allowed"

SETS: Final = frozenset(
    ("session.update", "session.start", "transcription_session.update", "conversation_initiation_client_data", ""),
)
"""Types of messages that configure the session; "" are Gemini's."""
_ASKS: Final = frozenset(("response.create", "decision.create"))
_APPENDS: Final = "session.instructions.append"
_CONFIGURES: Final = SETS | _ASKS | {_APPENDS}
_REPORTS: Final = {
    "session.created": True,
    "transcription_session.created": True,
    "session.updated": False,
    "transcription_session.updated": False,
    "session.started": False,
}
"""Types by which a provider says what is in force, and whether it says so unasked."""
_TOOLS: Final = re.compile(rb"(?i)tool|mcp|function|search")
_SETTINGS: Final = re.compile(rb"(?i)tool|mcp|function|search|instruction|prompt|message")
"""What a message has in it that names tools, or instructions too."""


class Refused(NamedTuple):
    """A message that may not pass: the code for its sender, why, and the change that it would have been, where it is one."""

    code: str
    message: str
    change: Change | None = None

    def verdict(self, dialect: str, frame: Frame) -> Verdict:
        """It is dropped and its sender told; where the protocol has no errors, the session ends."""
        cause = frame.head.event_id
        event = provider_error_event(self.message, type="invalid_request_error", code=self.code, event_id=cause, dialect=dialect)
        if event is None:
            return Verdict("close", close=Close(1008, close_reason(self.message)))
        return Verdict("drop", reply=(event,))


Marked = tuple[Place, Mark]


def _nothing() -> tuple[ToolList, ...]:
    return ()


@dataclass(slots=True)
class Watch:
    """Of one session. `lists` are the allow-lists that hold now; `instructions` and `tools` what becomes of a change of them."""

    lists: Callable[[], Sequence[ToolList]] = _nothing
    instructions: Response = "alert"
    tools: Response = "alert"
    in_force: InForce = field(default_factory=InForce)

    def judge(self, dialect: str, frame: Frame) -> Refused | None:
        """Why a client's message may not pass for the tools that it names; None where it may."""
        if (frame.type in SOUND and frame.flaw is None) or not (lists := self.lists()):
            return None
        event = frame.event
        if (why := doubt(frame, _TOOLS)) is not None:
            return Refused(AMBIGUOUS, f"this session may have certain tools only, and {why}")
        message = refused(lists, dialect, event) if event is not None else None
        return Refused(NOT_ALLOWED, message) if message is not None else None

    def settle(self, dialect: str, frame: Frame) -> Refused | tuple[Change, ...]:
        """A client's message as it would cross: why it may not, or what it changes, which is in force from here on."""
        kind = "" if dialect == "gemini" else frame.type
        if kind not in _CONFIGURES:
            return ()
        event, blocks = frame.event, "block" in (self.instructions, self.tools)
        if blocks and (why := doubt(frame, _SETTINGS)) is not None:
            return Refused(AMBIGUOUS, f"this session keeps what it was configured with, and {why}")
        if event is None:
            return ()
        marked = list(_marked(dialect, kind, event))
        for change in self._changes(kind, marked) if blocks else ():
            if self.response_to(change) == "block":
                return Refused(CHANGED, f"the {change.aspect} of this session may not be {change.how}", change)
        return tuple(self._taken(kind, marked))

    def reported(self, dialect: str, frame: Frame) -> tuple[Change, ...]:
        """What a provider changed by itself, as far as its message tells."""
        opening = _REPORTS.get(frame.type)
        if opening is None or (event := frame.event) is None:
            return ()
        found = (
            self.in_force.report(place, mark(dialect, place), opening=opening) for place in _settings(event) if place.value is not None
        )
        return tuple(change for change in found if change is not None)

    def response_to(self, change: Change) -> Response:
        """What becomes of a change."""
        return self.instructions if change.aspect == "instructions" else self.tools

    def _changes(self, kind: str, marked: Sequence[Marked]) -> Iterator[Change]:
        """What a message would change."""
        for place, made in marked:
            if (change := self._compared(kind)(place, made)) is not None:
                yield change

    def _taken(self, kind: str, marked: Sequence[Marked]) -> Iterator[Change]:
        """What a message changes, each setting taken for made once it is told."""
        for place, made in marked:
            change = self._compared(kind)(place, made)
            if kind == _APPENDS:
                self.in_force.appended(place, made)
            elif kind in _ASKS:
                self.in_force.overridden(place, made)
            else:
                self.in_force.set(place, made)
            if change is not None:
                yield change

    def _compared(self, kind: str) -> Callable[[Place, Mark], Change | None]:
        if kind == _APPENDS:
            return self.in_force.append
        return self.in_force.override if kind in _ASKS else self.in_force.change


def _marked(dialect: str, kind: str, event: dict[str, Any]) -> Iterator[Marked]:
    """The settings in a message. What OpenAI Live adds to the instructions stands in `content`."""
    found = iter((Place("instructions", "instructions", ("content",), event.get("content")),)) if kind == _APPENDS else _settings(event)
    return ((place, mark(dialect, place)) for place in found)


def _settings(event: dict[str, Any]) -> Iterator[Place]:
    return (place for place in places(event) if place.aspect != "choice")
