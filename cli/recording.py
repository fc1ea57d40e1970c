"""A recorded session as replays read it: every message whole and in its order, its sound put back where `log.audio` kept it.

Messages come from the disk as they are asked for, so that a long session needs no more memory than a short one.
"""

from __future__ import annotations

from base64 import b64decode
from collections import Counter
from collections.abc import Collection
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Final

from cli.messages import recorded
from cli.messages import with_content
from cli.recordedsound import RecordedSound
from cli.recordedsound import Source
from cli.records import Record
from cli.records import read_turns
from realtime.elision import Elided
from realtime.elision import filled
from realtime.texts import SOUND
from store.framereader import Frames
from store.frames import Direction
from store.frames import Event

BOTH: Final[tuple[Direction, ...]] = ("client", "server")
SERVER: Final[tuple[Direction, ...]] = ("server",)

_SIDES: Final = {"client": "the user's sound", "server": "the model's sound"}
_FROM: Final[dict[Source, str]] = {
    "kept": "as it was sent",
    "recorded": "from its recording (log.audio)",
    "silent": "silence as long as it was",
}
_CUT: Final = {
    "size": "the recording was full",
    "rules": "log.frames was turned off",
    "erased": "the rest was erased",
}


@dataclass(frozen=True, slots=True)
class Message:
    """A recorded message. `payload` is all of it, None where its content was not kept; `sound` is where the sound in it comes from."""

    event: Event
    payload: bytes | None
    sound: Source

    @property
    def from_client(self) -> bool:
        """Whether it goes towards the provider."""
        return self.event.from_ == "client"

    @property
    def text(self) -> bool:
        """Whether it is a text message, else a binary one."""
        return self.event.opcode == "text"


@dataclass(slots=True)
class Recording:
    """One session of the log, its turns, and its messages."""

    record: Record
    turns: list[Record]
    frames: Frames
    sound: RecordedSound
    _sources: Counter[tuple[Direction, Source]] = field(default_factory=Counter)
    _lost: int = 0
    _empty: int = 0

    @property
    def id(self) -> str:
        """Of the session."""
        return str(self.record["id"])

    @property
    def dialect(self) -> str:
        """The name of its dialect; OpenAI's where no message told."""
        return self.record.get("dialect") or "openai"

    def messages(self, sounding: Collection[Direction] = BOTH) -> Iterator[Message]:
        """Every message in its order. Of sides that are not `sounding`, sound that was left out is silence."""
        self._sources.clear()
        self._lost = self._empty = 0
        for event in self.frames.events():
            self._lost += event.lost
            payload, source = self._whole(event, with_sound=event.from_ in sounding)
            if payload is None and event.outcome != "dropped":
                self._empty += 1
            elif source != "none" and event.from_ in sounding:
                self._sources[event.from_, source] += 1
            yield Message(event, payload, source)

    def notes(self) -> list[str]:
        """What somebody who replays it should know, once its messages were read: where sound comes from, and what is not there."""
        made = [f"{_SIDES[side]}: {_FROM[source]}, in {count} messages" for (side, source), count in sorted(self._sources.items())]
        made += [f"{self._lost} messages are not on record, because the disk was too slow"] if self._lost else []
        made += [f"{self._empty} messages were kept without their content and are left out"] if self._empty else []
        made += [f"{self.frames.unreadable} parts of the recording cannot be read"] if self.frames.unreadable else []
        silenced = (self.record.get("recording") or {}).get("silenced")
        made += ["some of the recording is silent, because of what was said there"] if silenced else []
        cut = (self.record.get("events") or {}).get("cut")
        made += ["the session has not ended yet"] if self.record.get("ended_at") is None else []
        return made + ([f"the recording stops before the session did: {_CUT.get(cut, cut)}"] if cut else [])

    def _whole(self, event: Event, *, with_sound: bool) -> tuple[bytes | None, Source]:
        if event.payload is None and event.data is None and not event.elided:
            return None, "none"
        payload = event.payload.encode() if event.payload is not None else b64decode(event.data or "")
        if not event.elided:
            return payload, "kept" if event.type in SOUND or event.data is not None else "none"
        found, source = self.sound.of(event) if with_sound else ([], "silent")
        with suppress(LookupError):  # what was masked may have taken the place with it
            payload = filled(payload, [Elided(tuple(one.path), one.size, one.padding) for one in event.elided], found)
        return payload, source


def load(data: Path, session: str) -> Recording:
    """A recorded session by its id or the beginning of it. Raises Failure VT103, VT102, and VT110 where its messages are not there."""
    record, frames = recorded(data, session)
    with_content(record, frames)
    turns = read_turns(data, str(record["id"]))
    return Recording(record, turns, frames, RecordedSound(data, record, turns, frames))
