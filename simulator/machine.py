"""What every kind of session shares: client events in, timed server events out, no I/O and no clock of its own.

A session is opened once, then fed with `receive` and drained with `pop`; `now` is seconds of any monotonic clock.
A wrong client event never ends a session: it is answered by an `error` event that carries its `event_id`.
"""

from __future__ import annotations

from abc import ABC
from abc import abstractmethod
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from itertools import count
from typing import Any
from typing import ClassVar

from realtime.audio import AudioFormat
from simulator.schema import Refused
from simulator.schema import Shape
from simulator.schema import check
from simulator.schema import missing
from simulator.schema import unsupported
from simulator.script import Script
from simulator.timeline import Close
from simulator.timeline import Event
from simulator.timeline import Timeline


@dataclass(frozen=True, slots=True)
class Setup:
    """What a connection settles before its session starts. `wall` is unix time in seconds, `pace` multiplies all waiting."""

    script: Script
    model: str | None = None
    pace: float = 1.0
    wall: float = 0.0
    run: str = "sim"
    """Makes the ids of this session differ from those of any other."""
    session: Mapping[str, Any] = field(default_factory=dict)
    """Settings in force from the start, already checked: those of a call, or of an ephemeral key."""
    line: AudioFormat | None = None
    """The one format of sound both ways where the transport settles it, as a call does; None leaves it to the session."""

    @property
    def expires_at(self) -> int:
        """Sessions last an hour."""
        return int(self.wall) + 3_600


Handler = Callable[[Event], None]


class Machine(ABC):
    """The base of all sessions; a subclass names its events and handles them."""

    shapes: ClassVar[Mapping[str, Shape]]
    anonymous: ClassVar[frozenset[str]] = frozenset()
    """Server events that carry no `event_id`."""
    append: ClassVar[str] = "input_audio_buffer.append"
    """The client event that carries sound."""
    spoken: ClassVar[str] = "response.output_audio.delta"
    """The server event that carries sound."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.timeline = Timeline()
        self.now = 0.0
        self.handlers: dict[str, Handler] = {}
        self._shapes = dict(self.shapes)
        self._count = count(1)

    def open(self, now: float) -> None:
        """The upgrade is done: greets the client."""
        self.now = now
        self.greet()

    @abstractmethod
    def introduction(self) -> Event | None:
        """The session as it is now, as whoever joins it is told; None where a session has nothing to say first."""

    def greet(self) -> None:
        """Sends what a client sees first."""
        event = self.introduction()
        if event is not None:
            self.send(event)

    def serve(self, kind: str, shape: Shape, handler: Handler) -> None:
        """Takes one more kind of client event from here on."""
        self._shapes[kind] = shape
        self.handlers[kind] = handler

    def receive(self, event: Any, now: float) -> None:
        """Takes one decoded client message."""
        self.now = now
        try:
            self.handlers[self._checked(event)](event)
        except Refused as refusal:
            event_id = event.get("event_id") if isinstance(event, dict) else None
            self.refuse(refusal, event_id if isinstance(event_id, str) else None)

    def _checked(self, event: Any) -> str:
        if not isinstance(event, dict):
            raise Refused("invalid_event", "The message is not a JSON object.")
        if "type" not in event:
            raise missing("type")
        kind = event["type"]
        if not isinstance(kind, str) or kind not in self._shapes:
            raise unsupported("type", kind, tuple(self._shapes))
        check(self._shapes[kind], event, "")
        return kind

    def refuse(self, refusal: Refused, event_id: str | None = None) -> None:
        """Answers with an `error` event."""
        self.send({"type": "error", "error": self.error_body(refusal, event_id)})

    def error_body(self, refusal: Refused, event_id: str | None) -> Event:
        """The `error` object of this protocol."""
        return {
            "type": refusal.kind,
            "code": refusal.code,
            "message": refusal.message,
            "param": refusal.param,
            "event_id": event_id,
        }

    def send(self, event: Event, after: float = 0.0) -> None:
        """Sends an event `after` seconds at normal pace."""
        self.timeline.put(self.now + after * self.setup.pace, event)

    def close(self, code: int, reason: str = "") -> None:
        """Ends the connection once everything due was sent."""
        self.timeline.put(self.now, Close(code, reason))

    def pop(self, now: float) -> Event | Close | None:
        """The next event that is due, complete with its id; None when there is none."""
        self.now = max(self.now, now)
        event = self.timeline.pop(now)
        if isinstance(event, dict) and event["type"] not in self.anonymous:
            return {"type": event["type"], "event_id": self.new_id("event"), **event}
        return event

    def wake_at(self) -> float | None:
        """When `pop` has something next."""
        return self.timeline.next_at()

    def new_id(self, kind: str) -> str:
        """A fresh id: `resp_…`, `item_…`."""
        return f"{kind}_{self.setup.run}{next(self._count):05d}"


def sound(event: Event) -> bytes:
    """The decoded `audio` of an append."""
    try:
        return b64decode(event["audio"], validate=True)
    except (NotBase64, ValueError) as error:
        raise Refused("invalid_value", "Invalid value: 'audio' is not base64.", "audio") from error
