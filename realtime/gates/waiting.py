"""What waits at the input gate: what the user said until its transcript is checked, and what the app asked for behind it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any
from typing import Final

from realtime.dialects.fields import obj
from realtime.dialects.fields import objects
from realtime.frame import Frame
from realtime.gates.settings import Bounds

_AHEAD: Final = frozenset(
    (
        "input_audio_buffer.append",
        "input_audio_buffer.commit",
        "input_audio_buffer.clear",
        "input_image_buffer.append",
        "output_audio_buffer.clear",
        "conversation.item.truncate",
        "response.cancel",
    )
)
"""What does not wait behind a request for an answer: the user's voice, and what stops an answer."""


@dataclass(frozen=True, slots=True)
class UserTurn:
    """One spoken item. `automatic`: an answer is owed to it without anybody asking. `until` is when its transcript must be there."""

    item: str
    automatic: bool
    until: float


class Queue:
    """Messages of the app in their order, from the first request for an answer on that has to wait."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._frames: deque[Frame] = deque()
        self._bytes = 0

    def __bool__(self) -> bool:
        return bool(self._frames)

    def waits(self, frame: Frame) -> bool:
        """Whether a message has to wait because another one does."""
        return bool(self._frames) and frame.type not in _AHEAD

    def add(self, frame: Frame, *, first: bool = False) -> bool:
        """False where there is no room."""
        full = len(self._frames) >= self._bounds.messages or self._bytes + len(frame.payload) > self._bounds.message_bytes
        if not full:
            (self._frames.appendleft if first else self._frames.append)(frame)
            self._bytes += len(frame.payload)
        return not full

    def take(self) -> list[Frame]:
        """All of it."""
        taken = [*self._frames]
        self._frames.clear()
        self._bytes = 0
        return taken

    @property
    def asks(self) -> bool:
        """Whether an answer within the conversation is asked for in it."""
        return any(frame.type == "response.create" and converses(frame) for frame in self._frames)


def converses(frame: Frame) -> bool:
    """Whether a request is for an answer within the conversation."""
    return obj(frame.event or {}, "response").get("conversation") != "none"


def is_bare(frame: Frame) -> bool:
    """Whether a request for an answer asks for nothing in particular."""
    event = frame.event or {}
    return not event.get("response") and set(event) <= {"type", "event_id", "response"}


def carries_sound(frame: Frame) -> bool:
    """Whether a message puts sound of the user into the conversation that no transcript will be made of."""
    event = frame.event or {}
    items = [obj(event, "item"), *objects(obj(event, "response"), "input"), *objects(obj(event, "response"), "append_input_items")]
    return any(_sounds(part) for item in items for part in objects(item, "content"))


def _sounds(part: dict[str, Any]) -> bool:
    return bool(part.get("audio"))
