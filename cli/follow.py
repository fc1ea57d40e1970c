"""What happens in a log, event by event: sessions that open and close, turns that end, findings."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any
from typing import Final
from typing import Literal

from cli.followmessages import Messages
from cli.records import Record
from cli.records import readable
from store.clock import stamp
from store.filters import SESSION
from store.filters import Filter
from store.lines import Line
from store.query import between
from store.query import fitting
from store.query import has_text
from store.query import matching
from store.reader import LogReader
from store.tables import FINDINGS
from store.tables import SESSIONS
from store.tables import TURNS

KNOWN: Final[Mapping[str, str]] = {**SESSION, "kind": "kind", "policy": "policy", "severity": "severity", "type": "type"}
"""What can be asked of an event on the command line."""

_RECENT: Final = 200
_OF_EVENT: Final = frozenset({"kind", "policy", "severity", "type"})


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened. `record` is that of the session, the turn, the finding or the message.

    Where a finding belongs to no session, `session` has what it says of who and where, and the id None.
    """

    at: str
    kind: Literal["open", "turn", "close", "finding", "message"]
    session: Record
    record: Record

    @property
    def identity(self) -> tuple[str, str, int | None]:
        """What tells it from all others."""
        name = self.record["id"] if self.kind == "finding" else self.session["id"]
        return self.kind, name, self.record["n"] if self.kind == "message" else self.record.get("index")


class Follower:
    """What happens in a log. The first `events` are those of the most recent sessions, later ones those that were not given yet.

    A proxy that starts again and a day that begins go on in the same log: nothing is lost, and what a start completes of sessions
    that a crash left open is new, whenever they ended. With `messages` recorded messages are events too.
    """

    def __init__(self, data: Path, *, messages: bool = False) -> None:
        self._reader = LogReader(data)
        with readable(data):
            self._new = self._reader.follow()
        self._data = data
        self._since = stamp(datetime.now(UTC))
        self._given: set[tuple[str, str, int | None]] = set()
        self._ended: set[tuple[str, str, int | None]] = set()
        """What ended by the lines that were read last, as events are told apart."""
        self._messages = Messages(self._reader) if messages else None
        self._started = False

    def events(self) -> list[Event]:
        """In order of time. Raises Failure VT102."""
        with readable(self._data):
            found = list(self._happened(self._new.poll()) if self._started else self._recent())
            fresh = [event for event in found if event.identity not in self._given and self._is_new(event)]
            self._given |= {event.identity for event in found}
            fresh += self._written()
            self._started = True
        return sorted(fresh, key=lambda event: event.at)

    def _is_new(self, event: Event) -> bool:
        """Of a session that is seen for the first time, what happened before all this began is not."""
        return not self._started or event.at >= self._since or event.identity in self._ended

    def _written(self) -> list[Event]:
        found = self._messages.new(whole=not self._started) if self._messages is not None else ()
        return [Event(record["at"], "message", session, record) for session, record in found]

    def _recent(self) -> Iterator[Event]:
        sessions = self._reader.sessions(limit=_RECENT)
        yield from self._of_sessions(sessions)
        if self._messages is not None:
            self._messages.look_at(session for number, session in enumerate(sessions) if not number or session["ended_at"] is None)
        yield from self._of_findings(self._reader.findings(limit=_RECENT))

    def _happened(self, lines: list[Line]) -> Iterator[Event]:
        rows = [row for line in lines if line.table in (SESSIONS, TURNS) for row in (*line.put.values(), *line.set.values())]
        self._ended = {_ending(row) for row in rows if row.get("ended_at") is not None}
        ids = dict.fromkeys(row.get("session") or row.get("id") for row in rows)
        sessions = [session for name in ids if name and (session := self._reader.session(name))]
        yield from self._of_sessions(sessions)
        if self._messages is not None:
            self._messages.look_at(session for session in sessions if (session["ended_at"] or self._since) >= self._since)
        moments = [row["at"] for line in lines if line.table == FINDINGS for row in line.put.values()]
        if moments:
            since = datetime.fromisoformat(min(moments))
            yield from self._of_findings(self._reader.findings(since=since, limit=None))

    def _of_sessions(self, sessions: Iterable[Record]) -> Iterator[Event]:
        for session in sessions:
            yield Event(session["started_at"], "open", session, session)
            for turn in self._reader.turns(session["id"]):
                if turn["status"] != "open":
                    yield Event(turn["ended_at"] or turn["started_at"], "turn", session, turn)
            if session["ended_at"] is not None:
                yield Event(session["ended_at"], "close", session, session)

    def _of_findings(self, findings: Iterable[Record]) -> Iterator[Event]:
        for finding in findings:
            session = self._reader.session(finding["session"]) if finding["session"] else None
            yield Event(finding["at"], "finding", session or {**finding, "id": finding["session"]}, finding)


def _ending(row: Mapping[str, Any]) -> tuple[str, str, int | None]:
    """What ends by a row, as events are told apart."""
    return ("turn", str(row["session"]), row.get("index")) if "session" in row else ("close", str(row.get("id")), None)


def fits(event: Event, wanted: Filter) -> bool:
    """Whether an event fits every condition: those on its session, those on what it is itself, its time, and the words in its record."""
    own = {name: glob for name, glob in wanted.globs.items() if name in _OF_EVENT}
    if not matching(event.session, {name: glob for name, glob in wanted.globs.items() if name not in _OF_EVENT}):
        return False
    if not between(event.at, wanted.since, wanted.until):
        return False
    if wanted.text is not None and not has_text(event.record, wanted.text.casefold()):
        return False
    if event.kind == "finding":
        kind = own.pop("kind", "*")
        return any(fnmatchcase(name, kind) for name in ("finding", event.record["kind"])) and fitting(event.record, own)
    return fitting({"kind": event.kind, "type": event.record.get("type") if event.kind == "message" else None}, own)
