"""What the user said and typed since the last answer: each item once, in the order it came, whenever its words arrive."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Final

from realtime.recent import Recent
from realtime.signals import InputTranscript
from realtime.turntext import Room
from realtime.usage import Usage

if TYPE_CHECKING:
    from realtime.turn import Turn

UNAVAILABLE: Final = "[audio transcription unavailable]"
MAX_PENDING: Final = 256
MAX_CONSUMED: Final = 1024
MAX_AWAITED: Final = 64
"""Spoken items of earlier turns whose transcript may still come."""


class Input:
    """One item of the user. `awaited` while it was spoken and its transcript is neither complete nor given up."""

    __slots__ = ("_heard", "_typed", "awaited", "complete", "id", "room", "speaking", "spoken", "transcript", "turn", "typed", "usage")

    def __init__(self, item_id: str | None, room: Room, *, spoken: bool) -> None:
        self.id = item_id
        self.room = room
        self.spoken = spoken
        self.awaited = spoken
        self.complete = False
        """True once the provider said that its transcript is whole."""
        self.speaking = False
        """True from the start of the speech until its end was seen: such an item belongs to no answer yet."""
        self.typed = ""
        self.transcript = ""
        self.usage = Usage()
        """What the provider charged for its transcription."""
        self.turn: Turn | None = None
        """Whose input it became, for as long as that may still change."""
        self._typed = 0
        self._heard = 0

    def write(self, text: str) -> bool:
        """Its text parts as the item shows them; returns whether that is news."""
        before = self.typed
        self.room.give(before)
        self.typed = self.room.take(text)
        self._typed = len(text)
        return self.typed != before

    def hear(self, signal: InputTranscript) -> None:
        """A piece of the transcript, or all of it."""
        if signal.replace and signal.text:
            self.room.give(self.transcript)
            self.transcript = ""
            self._heard = 0
        self.transcript += self.room.take(signal.text)
        self._heard += len(signal.text)
        self.speaking = False
        self.awaited = self.awaited and not (signal.final or signal.failed)
        self.complete = self.complete or (signal.final and not signal.failed)
        if signal.usage is not None:
            self.usage += signal.usage

    @property
    def chars(self) -> int:
        """Characters of its texts, also those that were cut."""
        return self._typed if self.typed == self.transcript else self._typed + self._heard

    @property
    def text(self) -> str:
        """Its words; what stands for them when it was spoken and no transcript can come any more."""
        parts = [part for part in dict.fromkeys((self.typed, self.transcript)) if part]
        return "\n".join(parts) if parts or self.awaited or not self.spoken else UNAVAILABLE


class Inputs:
    """The items that no answer has taken yet, and the ids of those that one took. `dropped` counts items lost to the bound."""

    def __init__(self, limit: int) -> None:
        self.dropped = 0
        self._limit = limit
        self._pending: Recent[Input, Input] = Recent(MAX_PENDING)
        self._known: Recent[str, Input | None] = Recent(MAX_PENDING + MAX_CONSUMED)
        """Every id seen; None once an answer took the item and nothing about it can change."""
        self._awaited: Recent[Input, Input] = Recent(MAX_AWAITED)
        self._nameless: Recent[Input, Input] = Recent(MAX_AWAITED)
        """Items that the client created without an id: the provider's echo will name them."""
        self._voice: Input | None = None
        """The spoken item of a provider that does not name items."""

    @property
    def waiting(self) -> bool:
        """True when the next answer will find input."""
        return any(not item.speaking for item in self._pending)

    def find(self, item_id: str | None) -> Input | None:
        """The item of this id, pending or taken, while something about it may still change."""
        return self._voice if item_id is None else self._known.get(item_id)

    def speak(self, item_id: str | None, *, anew: bool = False) -> Input | None:
        """The spoken item of this id, made if it is new; None when an answer took it and it is complete.

        Without an id it is the one being spoken, or with `anew` the next one.
        """
        if item_id is None:
            voice = self._voice
            if voice is None or not voice.awaited or (anew and (voice.turn is not None or voice.transcript)):
                self._voice = self._add(None, spoken=True)
            return self._voice
        return self._known[item_id] if item_id in self._known else self._add(item_id, spoken=True)

    def write(self, item_id: str | None, text: str, *, spoken: bool, from_client: bool) -> Input | None:
        """An item as one side shows it; returns the item where that changes what an answer took."""
        if item_id is not None and item_id not in self._known and not from_client:
            self._christen(item_id, text)
        if item_id is not None and item_id in self._known:
            item = self._known[item_id]
            return item if item is not None and text and item.write(text) and item.turn is not None else None
        item = self._add(item_id, spoken=spoken)
        item.write(text)
        if item_id is None and from_client:
            self._nameless[item] = item
        return None

    def consume(self) -> list[Input]:
        """Take the items that are complete: all but those still being spoken."""
        taken = [item for item in self._pending if not item.speaking]
        for item in taken:
            self.take(item)
        return taken

    def take(self, item: Input) -> None:
        """Take this one item."""
        self._pending.pop(item, None)

    def belong(self, item: Input, turn: Turn) -> list[Turn]:
        """Note whose input an item became; returns turns whose transcripts are given up, for only so many are awaited."""
        item.turn = turn
        if not item.awaited:
            return []
        return [changed for late in self._awaited.add(item, item) if (changed := self._give_up(late)) is not None]

    def settle(self, item: Input) -> None:
        """The turn of this item has ended: let go of the item unless its transcript may still come."""
        if item is self._voice:
            self._voice = None
            item.awaited = item.awaited and not item.transcript
        if not item.awaited:
            self._release(item)

    def give_up(self) -> list[Turn]:
        """No transcript comes any more; returns the turns whose input that changes."""
        return [changed for item in list(self._awaited) if (changed := self._give_up(item)) is not None]

    def _add(self, item_id: str | None, *, spoken: bool) -> Input:
        item = Input(item_id, Room(self._limit), spoken=spoken)
        self.dropped += len(self._pending.add(item, item))
        if item_id is not None:
            self._known[item_id] = item
        return item

    def _christen(self, item_id: str, text: str) -> None:
        """Give the oldest item without an id that has this text the id under which the provider shows it."""
        item = next((item for item in self._nameless if item.typed == text), None)
        if item is not None:
            del self._nameless[item]
            item.id = item_id
            self._known[item_id] = item if item in self._pending or item.turn is not None else None

    def _give_up(self, item: Input) -> Turn | None:
        item.awaited = False
        turn = item.turn
        self._release(item)
        return turn

    def _release(self, item: Input) -> None:
        item.turn = None
        self._awaited.pop(item, None)
        if item.id is not None and item.id in self._known:
            self._known[item.id] = None
