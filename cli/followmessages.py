"""The recorded messages of sessions as they are written, pieces of one thing in one: those of sessions that run or have just ended."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field
from datetime import timedelta
from typing import Final

from cli.records import Record
from store.cells import moment
from store.clock import stamp
from store.folding import Folded
from store.folding import Folding
from store.framereader import Frames
from store.reader import LogReader

_QUIET: Final = 8
"""Readings without anything new after which what was folded is given as it is; a session that is over is forgotten then."""


@dataclass(slots=True)
class _Followed:
    session: Record
    frames: Frames
    folding: Folding = field(default_factory=Folding)
    given: int = 0
    quiet: int = 0

    def new(self, *, whole: bool) -> Iterator[Folded]:
        """What is complete since the last time; with `whole` what is not, too."""
        self.frames.refresh()
        before = self.given
        for event in self.frames.events(offset=self.given):
            self.given += 1
            yield from self.folding.take(event)
        self.quiet = self.quiet + 1 if self.given == before else 0
        if whole or self.quiet >= _QUIET:
            yield from self.folding.rest()

    @property
    def over(self) -> bool:
        return self.session["ended_at"] is not None and self.quiet >= _QUIET


class Messages:
    """`look_at` the sessions in question; `new` are their messages that were not given yet, each with its session."""

    def __init__(self, reader: LogReader) -> None:
        self._reader = reader
        self._followed: dict[str, _Followed] = {}

    def look_at(self, sessions: Iterable[Record]) -> None:
        """These run, or changed. Raises StoreError."""
        for session in sessions:
            name = session["id"]
            if name in self._followed:
                self._followed[name].session = session
            elif (frames := self._reader.frames(name)) is not None:
                self._followed[name] = _Followed(session, frames)

    def new(self, *, whole: bool = False) -> Iterator[tuple[Record, Record]]:
        """Session and message `{n, last, count, at, from, type, size, outcome, turn, text}`; `at` is its time. Raises OSError."""
        for name, found in list(self._followed.items()):
            for one in found.new(whole=whole):
                yield found.session, _record(found.session, one)
            if found.over:
                del self._followed[name]


def _record(session: Record, one: Folded) -> Record:
    first = one.first
    return {
        "n": first.n,
        "last": one.last.n,
        "count": one.count,
        "at": stamp(moment(session["started_at"]) + timedelta(microseconds=first.at)),
        "from": first.from_,
        "type": first.type,
        "size": one.size,
        "outcome": first.outcome,
        "turn": first.turn,
        "text": one.text,
    }
