"""What an app configured a session with, as far as its messages are on record: instructions and tools, the last word on each."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from typing import Final

from realtime.watch.marks import mark
from realtime.watch.marks import words
from realtime.watch.places import Place
from realtime.watch.places import places
from realtime.watch.watch import SETS
from store.framereader import Frames
from store.framereader import Wanted
from store.frames import Event

_CLIENT: Final = Wanted(direction="client")


@dataclass(frozen=True, slots=True)
class Configured:
    """By the place in a message, in the order in which each was first set."""

    dialect: str
    found: dict[str, Place]

    @property
    def instructions(self) -> str | None:
        """The text of all of them; None where there are none."""
        return "\n".join(filter(None, (words(place.value) for place in self._of("instructions")))) or None

    @property
    def tools(self) -> list[dict[str, Any]]:
        """As the app wrote each."""
        lists = (place.value for place in self._of("tools") if isinstance(place.value, list))
        return [tool for one in lists for tool in one if isinstance(tool, dict)]

    def digests(self) -> dict[str, str]:
        """`instructions` and `tool NAME`, each with a digest of what it was set to."""
        made: dict[str, str] = {}
        for place in self.found.values():
            for name, digest in mark(self.dialect, place).parts.items():
                made[f"tool {name}" if place.aspect == "tools" else place.slot] = digest
        return made

    def _of(self, aspect: str) -> list[Place]:
        return [place for place in self.found.values() if place.aspect == aspect]


def configured(frames: Frames, dialect: str) -> Configured | None:
    """What reached the provider; None where messages are not on record, or without what was in them. Raises OSError."""
    if not frames.readable or (frames.header is not None and frames.header.content == "metadata"):
        return None
    found: dict[str, Place] = {}
    for event in frames.events(_CLIENT):
        if event.outcome != "dropped" and (dialect == "gemini" or event.type in SETS):
            found.update((place.slot, place) for place in places(_message(event)) if place.aspect != "choice" and place.value is not None)
    return Configured(dialect, found)


def _message(event: Event) -> dict[str, Any]:
    """The object that a message is; empty for any other."""
    try:
        found = json.loads(event.payload or "")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
