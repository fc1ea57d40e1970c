"""The texts of one turn within a byte limit: no delta is counted twice, no part of an answer is lost, what is cut is marked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

TEXT_LIMIT: Final = 16 * 1024
"""Bytes of text kept for a turn unless the log policy says otherwise."""
NAME_LIMIT: Final = 256
"""Characters kept of an id or a name that a peer chose."""
MAX_PARTS: Final = 256

Key = tuple[str | None, str]


def name(text: str) -> str:
    """An id or a name of a peer, bounded and valid Unicode."""
    text = text[:NAME_LIMIT]
    return text if text.isascii() else text.encode(errors="replace").decode()


class Room:
    """The bytes of text that may still be stored. `cut` once something did not fit."""

    __slots__ = ("cut", "left")

    def __init__(self, limit: int = TEXT_LIMIT) -> None:
        self.left = limit
        self.cut = False

    def take(self, text: str) -> str:
        """As much of `text` as fits, whole characters only; lone surrogates become `?`."""
        data = text.encode(errors="replace")
        if len(data) > self.left:
            self.cut = True
            data = data[: self.left].decode(errors="ignore").encode()
        self.left -= len(data)
        return data.decode()

    def give(self, text: str) -> None:
        """Return the room of a text that `take` returned."""
        self.left += len(text.encode())


@dataclass(slots=True, eq=False)
class _Part:
    key: Key
    text: str
    chars: int
    open: bool


class Answer:
    """The text of one answer, from deltas, final parts and the final text of the whole.

    Parts are told apart by item and kind (`text` or `transcript`) and stand in the order in which they began.
    """

    __slots__ = ("_last", "_parts", "_room")

    def __init__(self, room: Room) -> None:
        self._room = room
        self._parts: list[_Part] = []
        self._last: dict[Key, _Part] = {}

    def add(self, text: str, key: Key, *, final: bool, replace: bool) -> None:
        """A delta, a snapshot (`replace`) or the whole of a part (`final`)."""
        part = self._last.get(key)
        if part is None or not part.open:
            if final and part is not None and part.chars == len(text) and part.text == text[: len(part.text)]:
                return
            part = self._begin(key) if text else part
        if part is None:
            return
        if not (final or replace):
            self._append(part, text)
        elif text:
            self._set(part, text)
        part.open = part.open and not final

    def complete(self, text: str) -> None:
        """The final text of the whole answer: it stands for what was collected unless that says more."""
        if len(text) >= self.chars and text != self.text:
            for part in self._parts:
                self._room.give(part.text)
            self._parts.clear()
            self._last.clear()
            self.add(text, (None, "text"), final=True, replace=True)

    @property
    def chars(self) -> int:
        """Characters of the whole answer, also those that were cut."""
        return sum(part.chars for part in self._shown())

    @property
    def text(self) -> str:
        """What was kept of the answer."""
        return "".join(part.text for part in self._shown())

    def _shown(self) -> list[_Part]:
        written = {(part.key[0], part.text) for part in self._parts if part.key[1] == "text"}
        return [part for part in self._parts if part.key[1] == "text" or (part.key[0], part.text) not in written]

    def _begin(self, key: Key) -> _Part:
        if len(self._parts) >= MAX_PARTS:
            return self._parts[-1]
        part = _Part(key, "", 0, True)
        self._parts.append(part)
        self._last[key] = part
        return part

    def _append(self, part: _Part, text: str) -> None:
        part.text += self._room.take(text)
        part.chars += len(text)

    def _set(self, part: _Part, text: str) -> None:
        self._room.give(part.text)
        part.text = self._room.take(text)
        part.chars = len(text)
