"""The log as commands read it, whether a proxy runs or not: sessions, turns, conditions on them, and what happens next."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any
from typing import Final
from typing import Literal

from cli.errors import Failure
from store.clock import stamp
from store.errors import AmbiguousId
from store.errors import StoreError
from store.query import status_of
from store.reader import LogReader

Record = dict[str, Any]

_RECENT: Final = 200
_CONDITIONS: Final[Mapping[str, str]] = {
    "key": "principal",
    "provider": "provider",
    "model": "model",
    "route": "route",
    "session": "id",
    "transport": "transport",
    "door": "door",
    "grouping": "grouping",
    "status": "status",
}
"""What can be asked of a session on the command line, and the field of its record."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened: a session opened or closed, a turn ended. `record` is the session's or the turn's."""

    at: str
    kind: Literal["open", "turn", "close"]
    session: Record
    record: Record

    @property
    def identity(self) -> tuple[str, str, int | None]:
        return self.kind, self.session["id"], self.record.get("index")


class Follower:
    """What happens in a log. The first `events` are those of the most recent sessions, later ones those that were not given yet."""

    def __init__(self, data: Path) -> None:
        self._reader = LogReader(data)
        with _readable(data):
            self._new = self._reader.follow()
        self._data = data
        self._since = stamp(datetime.now(UTC))
        self._given: set[tuple[str, str, int | None]] = set()
        self._started = False

    def events(self) -> list[Event]:
        """In order of time. Raises Failure VT102."""
        with _readable(self._data):
            found = [event for session in self._changed() for event in self._of(session)]
            fresh = [event for event in found if event.identity not in self._given and (not self._started or event.at >= self._since)]
            self._given |= {event.identity for event in found}
            self._started = True
        return sorted(fresh, key=lambda event: event.at)

    def _changed(self) -> list[Record]:
        if not self._started:
            return self._reader.sessions(limit=_RECENT)
        rows = (row for line in self._new.poll() for row in (*line.put.values(), *line.set.values()))
        ids = dict.fromkeys(row.get("session") or row.get("id") for row in rows)
        return [session for name in ids if name and (session := self._reader.session(name))]

    def _of(self, session: Record) -> Iterator[Event]:
        yield Event(session["started_at"], "open", session, session)
        for turn in self._reader.turns(session["id"]):
            if turn["status"] != "open":
                yield Event(turn["ended_at"] or turn["started_at"], "turn", session, turn)
        if session["ended_at"] is not None:
            yield Event(session["ended_at"], "close", session, session)


def read_sessions(data: Path, limit: int | None = None) -> list[Record]:
    """Sessions, the newest first. Raises Failure VT102."""
    with _readable(data):
        return LogReader(data).sessions(limit=limit)


def read_turns(data: Path, session: str) -> list[Record]:
    """The turns of a session in their order. Raises Failure VT102."""
    with _readable(data):
        return LogReader(data).turns(session)


def find_session(data: Path, session: str) -> Record:
    """The session with an id, or the only one whose id begins so. Raises Failure VT103, VT102."""
    with _readable(data):
        found = LogReader(data).session(session)
    if found is None:
        raise Failure("VT103", f"no session {session!r} in {data}", "./run.sh sessions lists them")
    return found


def conditions(given: list[str]) -> dict[str, str]:
    """`name=value` pairs by field. Raises Failure VT105 for a name that is not known."""
    made = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or name not in _CONDITIONS:
            raise Failure(
                "VT105", f"{text!r} is no condition", f"write name=value with one of {', '.join(_CONDITIONS)}; * and ? fit anything"
            )
        made[_CONDITIONS[name]] = value
    return made


def matching(session: Record, wanted: Mapping[str, str]) -> bool:
    """Whether a session fits every condition; values are globs."""
    seen = {**session, "status": status_of(session)}
    return all(fnmatchcase(str(seen.get(field) or ""), glob) for field, glob in wanted.items())


@contextmanager
def _readable(data: Path) -> Iterator[None]:
    try:
        yield
    except AmbiguousId as error:
        raise Failure("VT103", str(error), "./run.sh sessions lists them") from None
    except (StoreError, OSError) as error:
        raise Failure("VT102", str(error), f"check {data}; ./run.sh doctor looks at its modes") from None
