"""What an app configured a session with, as far as its messages are on record: instructions, tools and settings, the last word on each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field
from typing import Any
from typing import Final

from realtime.watch.marks import mark
from realtime.watch.marks import words
from realtime.watch.places import ASPECTS
from realtime.watch.places import Place
from realtime.watch.places import folded
from realtime.watch.places import places
from realtime.watch.watch import SETS
from store.framereader import Frames
from store.framereader import Wanted
from store.frames import Event

_CLIENT: Final = Wanted(direction="client")
_ROOTS: Final = ("session", "setup", "conversation_config_override")
"""Where messages have settings."""
_ELSEWHERE: Final = frozenset(("model", "voice", "voiceid", "voicename"))
"""Settings that records have."""


@dataclass(frozen=True, slots=True)
class Configured:
    """By the place in a message, in the order in which each was first set."""

    dialect: str
    found: dict[str, Place]
    settings: dict[str, Any] = field(default_factory=dict)
    """What else it set, by places such as `audio.input.format.rate`; lists as JSON. The model and the voice are those of the turns."""

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
    made = Configured(dialect, {})
    for event in frames.events(_CLIENT):
        if event.outcome != "dropped" and (dialect == "gemini" or event.type in SETS):
            message = _message(event)
            made.found.update((place.slot, place) for place in places(message) if place.aspect != "choice" and place.value is not None)
            root = next((message[name] for name in _ROOTS if isinstance(message.get(name), dict)), None)
            made.settings.update(_settings(root, "") if root is not None else ())
    return made


def _settings(holder: dict[str, Any], before: str) -> Iterator[tuple[str, Any]]:
    for name, value in holder.items():
        if folded(name) in _ELSEWHERE or ASPECTS.get(folded(name)) in ("instructions", "tools"):
            continue
        if isinstance(value, dict):
            yield from _settings(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", json.dumps(value) if isinstance(value, list) else value


def _message(event: Event) -> dict[str, Any]:
    """The object that a message is; empty for any other."""
    try:
        found = json.loads(event.payload or "")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
