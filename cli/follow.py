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
from typing import Final
from typing import Literal

from cli.records import Record
from cli.records import readable
from store.clock import stamp
from store.filters import SESSION
from store.lines import Line
from store.query import fitting
from store.query import matching
from store.reader import LogReader
from store.tables import FINDINGS

KNOWN: Final[Mapping[str, str]] = {**SESSION, "kind": "kind", "policy": "policy", "severity": "severity"}
"""What can be asked of an event on the command line."""

_RECENT: Final = 200
_OF_EVENT: Final = frozenset({"kind", "policy", "severity"})


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened. `record` is that of the session, the turn or the finding.

    Where a finding belongs to no session, `session` has what it says of who and where, and the id None.
    """

    at: str
    kind: Literal["open", "turn", "close", "finding"]
    session: Record
    record: Record

    @property
    def identity(self) -> tuple[str, str, int | None]:
        """What tells it from all others."""
        name = self.record["id"] if self.kind == "finding" else self.session["id"]
        return self.kind, name, self.record.get("index")


class Follower:
    """What happens in a log. The first `events` are those of the most recent sessions, later ones those that were not given yet."""

    def __init__(self, data: Path) -> None:
        self._reader = LogReader(data)
        with readable(data):
            self._new = self._reader.follow()
        self._data = data
        self._since = stamp(datetime.now(UTC))
        self._given: set[tuple[str, str, int | None]] = set()
        self._started = False

    def events(self) -> list[Event]:
        """In order of time. Raises Failure VT102."""
        with readable(self._data):
            found = list(self._happened(self._new.poll()) if self._started else self._recent())
            fresh = [event for event in found if event.identity not in self._given and (not self._started or event.at >= self._since)]
            self._given |= {event.identity for event in found}
            self._started = True
        return sorted(fresh, key=lambda event: event.at)

    def _recent(self) -> Iterator[Event]:
        yield from self._of_sessions(self._reader.sessions(limit=_RECENT))
        yield from self._of_findings(self._reader.findings(limit=_RECENT))

    def _happened(self, lines: list[Line]) -> Iterator[Event]:
        rows = [row for line in lines if line.table != FINDINGS for row in (*line.put.values(), *line.set.values())]
        ids = dict.fromkeys(row.get("session") or row.get("id") for row in rows)
        yield from self._of_sessions(session for name in ids if name and (session := self._reader.session(name)))
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


def fits(event: Event, wanted: Mapping[str, str]) -> bool:
    """Whether an event fits every condition: those on its session, and those on what it is itself."""
    own = {name: glob for name, glob in wanted.items() if name in _OF_EVENT}
    if not matching(event.session, {name: glob for name, glob in wanted.items() if name not in _OF_EVENT}):
        return False
    if event.kind == "finding":
        kind = own.pop("kind", "*")
        return any(fnmatchcase(name, kind) for name in ("finding", event.record["kind"])) and fitting(event.record, own)
    return fitting({"kind": event.kind}, own)
