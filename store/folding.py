"""Messages as people read them: those that follow each other, go the same way and are pieces of one thing count as one."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from typing import Final

import msgspec

from store.frames import Event

_PIECES: Final = (".delta", ".append", "transcription.delta")
"""How types end of which many make one thing."""
_WORDS: Final = ("delta", "text", "transcript", "arguments")
"""Where the words of a message of one text stand."""


class _Said(msgspec.Struct):
    """The words of a message, where it has any at its top."""

    delta: Any = None
    text: Any = None
    transcript: Any = None
    arguments: Any = None


_said = msgspec.json.Decoder(_Said).decode


@dataclass(slots=True)
class Folded:
    """Messages from `first` to `last`; `size` in bytes and `text` are of all of them together."""

    first: Event
    last: Event
    count: int
    size: int
    text: str


class Folding:
    """Messages as they come, at most `most` in one. Sound and text of an answer may come by turns."""

    def __init__(self, most: int | None = None) -> None:
        self._most = most
        self._open: dict[tuple[str, str, str], Folded] = {}

    def take(self, event: Event) -> Iterator[Folded]:
        """What this message completes, in order; it is itself among it where nothing can be added to it."""
        key = event.from_, event.type, event.outcome
        found = self._open.get(key)
        if found is not None and found.count != self._most and not event.findings and not event.lost:
            found.last, found.count, found.size, found.text = event, found.count + 1, found.size + event.size, found.text + words(event)
            return
        made = Folded(event, event, 1, event.size, words(event))
        if event.type.endswith(_PIECES):
            if found is not None:
                yield self._open.pop(key)
            self._open[key] = made
        else:
            yield from self.rest()
            yield made

    def rest(self) -> list[Folded]:
        """What is not complete, taken as it is."""
        found, self._open = list(self._open.values()), {}
        return found


def folded(events: Iterable[Event], *, most: int | None = None) -> Iterator[Folded]:
    """The messages in their order, alike ones together, as `Folding` has them."""
    folding = Folding(most)
    for event in events:
        yield from folding.take(event)
    yield from folding.rest()


def words(event: Event) -> str:
    """The words of a message that is one text; "" for any other."""
    if event.payload is None:
        return ""
    try:
        found = _said(event.payload.encode())
    except msgspec.DecodeError:
        return ""
    return next((value for name in _WORDS if isinstance(value := getattr(found, name), str) and value), "")
