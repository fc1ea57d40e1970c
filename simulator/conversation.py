"""The items of a conversation, in order: what is added, found, cut and removed, and how many tokens each weighs."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from simulator.schema import Refused
from simulator.usage import Tokens
from simulator.usage import text_tokens

Item = dict[str, Any]


@dataclass(slots=True)
class Entry:
    """An item as it is told to clients, the length of its sound, and what a user said in it (known without any transcript)."""

    item: Item
    audio_ms: int = 0
    heard: str = ""

    @property
    def id(self) -> str:
        return str(self.item["id"])

    def shown(self) -> Item:
        """The item as it is now, for an event."""
        return deepcopy(self.item)

    @property
    def words(self) -> str:
        """The text and the transcripts of the item, joined, or what was heard."""
        return self.heard or " ".join(filter(None, (part.get("text") or part.get("transcript") for part in self.item.get("content", ()))))

    @property
    def tokens(self) -> Tokens:
        """What the item adds to the input of every later response; assistant sound is heard again at the user's rate."""
        call = f"{self.item.get('name', '')}{self.item.get('arguments', '')}{self.item.get('output', '')}"
        spoken = self.words if self.audio_ms == 0 else ""
        return Tokens(text_tokens(spoken + call), self.audio_ms // 100)


class Conversation:
    """Ordered items with unique ids. Every `Refused` names the field of the client event that was wrong."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries)

    @property
    def last_id(self) -> str | None:
        """The id of the newest item."""
        return self._entries[-1].id if self._entries else None

    def add(self, entry: Entry, previous: str | None = None) -> str | None:
        """Puts an item after `previous` ("root" = first, None = last) and returns the id it follows."""
        if any(known.id == entry.id for known in self._entries):
            raise Refused("item_create_duplicate_item_id", f"An item with id '{entry.id}' already exists.", "item.id")
        place = self._after(previous)
        self._entries.insert(place, entry)
        return self._entries[place - 1].id if place else None

    def _after(self, previous: str | None) -> int:
        if previous is None:
            return len(self._entries)
        if previous == "root":
            return 0
        return self._index(previous, "item_create", "previous_item_id") + 1

    def before(self, item_id: str) -> str | None:
        """The id of the item that this one follows; None for the first, and for one that was deleted meanwhile."""
        ids = [entry.id for entry in self._entries]
        place = ids.index(item_id) if item_id in ids else 0
        return ids[place - 1] if place else None

    def find(self, item_id: str, action: str) -> Entry:
        """The item, or `Refused` with a code that starts with `action`."""
        return self._entries[self._index(item_id, action, "item_id")]

    def remove(self, item_id: str) -> None:
        """Deletes the item."""
        del self._entries[self._index(item_id, "item_delete", "item_id")]

    def truncate(self, item_id: str, content_index: int, audio_end_ms: int) -> None:
        """Shortens the sound of an assistant message; its transcript goes, since nobody knows how much of it was heard."""
        entry = self.find(item_id, "item_truncate")
        content = entry.item.get("content", [])
        if entry.item.get("role") != "assistant" or content_index >= len(content) or content[content_index]["type"] != "output_audio":
            raise Refused("invalid_value", "Only the audio of assistant messages can be truncated.", "item_id")
        if audio_end_ms > entry.audio_ms:
            message = f"Audio content of {entry.audio_ms}ms is already shorter than {audio_end_ms}ms."
            raise Refused("invalid_value", message, "audio_end_ms")
        entry.audio_ms = audio_end_ms
        content[content_index].pop("transcript", None)

    def has_call(self, call_id: str) -> bool:
        """Whether a function call with this id was made."""
        return any(entry.item["type"] == "function_call" and entry.item.get("call_id") == call_id for entry in self._entries)

    def _index(self, item_id: str, action: str, param: str) -> int:
        for index, entry in enumerate(self._entries):
            if entry.id == item_id:
                return index
        raise Refused(f"{action}_invalid_item_id", f"The item with id '{item_id}' does not exist.", param)
