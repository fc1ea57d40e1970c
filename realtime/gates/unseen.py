"""What the app does not see of a conversation: answers that were begun too early, with their items, and what is taken out of it here."""

from __future__ import annotations

from typing import Final

from realtime.frame import Frame
from realtime.policies.refusal import item_of
from realtime.recent import Recent
from realtime.texts import owner_of

_REMEMBERED: Final = 64


class Unseen:
    """By the ids of answers and items."""

    def __init__(self) -> None:
        self._answers: Recent[str, None] = Recent(_REMEMBERED)
        self._removed: Recent[str, None] = Recent(_REMEMBERED)

    def hide(self, answer: str) -> None:
        """Nothing of this answer is shown."""
        self._answers[answer] = None

    def remove(self, item: str) -> None:
        """The provider is told to delete this item; that it did is not shown."""
        self._removed[item] = None

    def covers(self, frame: Frame) -> bool:
        """Whether a message of the provider is about something of the kind; an item of a hidden answer is, from then on."""
        owner, item = owner_of(frame.event or {}), item_of(frame)
        if owner in self._answers and item is not None:
            self._answers[item] = None
        return owner in self._answers or item in self._answers or (frame.type == "conversation.item.deleted" and item in self._removed)
