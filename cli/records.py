"""The log as commands read it, whether a proxy runs or not: sessions, turns, findings, and conditions on them."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import contextmanager
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any
from typing import Final

from cli.errors import Failure
from store.errors import AmbiguousId
from store.errors import StoreError
from store.query import status_of
from store.reader import LogReader

Record = dict[str, Any]

SESSION: Final[Mapping[str, str]] = {
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

FINDING: Final[Mapping[str, str]] = {
    "key": "principal",
    "provider": "provider",
    "model": "model",
    "route": "route",
    "session": "session",
    "kind": "kind",
    "policy": "policy",
    "severity": "severity",
    "action": "action",
    "mode": "mode",
}
"""The same of a finding, apart from its time."""


def read_sessions(data: Path, limit: int | None = None) -> list[Record]:
    """Sessions, the newest first. Raises Failure VT102."""
    with readable(data):
        return LogReader(data).sessions(limit=limit)


def read_turns(data: Path, session: str) -> list[Record]:
    """The turns of a session in their order. Raises Failure VT102."""
    with readable(data):
        return LogReader(data).turns(session)


def find_session(data: Path, session: str) -> Record:
    """The session with an id, or the only one whose id begins so. Raises Failure VT103, VT102."""
    with readable(data):
        found = LogReader(data).session(session)
    if found is None:
        raise Failure("VT103", f"no session {session!r} in {data}", "./run.sh sessions lists them")
    return found


def read_findings(data: Path, since: datetime | None, until: datetime | None) -> list[Record]:
    """The findings of a time, the oldest first; `until` is exclusive. Raises Failure VT102."""
    with readable(data):
        return LogReader(data).findings(since=since, until=until, limit=None, order="asc")


def conditions(given: list[str], known: Mapping[str, str] = SESSION) -> dict[str, str]:
    """`name=value` pairs by field. Raises Failure VT105 for a name that is not known."""
    made = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or name not in known:
            raise Failure("VT105", f"{text!r} is no condition", f"write name=value with one of {', '.join(known)}; * and ? fit anything")
        made[known[name]] = value
    return made


def matching(session: Record, wanted: Mapping[str, str]) -> bool:
    """Whether a session fits every condition; values are globs."""
    return fitting({**session, "status": status_of(session)}, wanted)


def fitting(record: Mapping[str, Any], wanted: Mapping[str, str]) -> bool:
    """The same for any record, whose fields are looked at as they are."""
    return all(fnmatchcase(str(record.get(field) or ""), glob) for field, glob in wanted.items())


@contextmanager
def readable(data: Path) -> Iterator[None]:
    """What goes wrong with the log in here ends the command. Raises Failure VT103, VT102."""
    try:
        yield
    except AmbiguousId as error:
        raise Failure("VT103", str(error), "./run.sh sessions lists them") from None
    except (StoreError, OSError) as error:
        raise Failure("VT102", str(error), f"check {data}; ./run.sh doctor looks at its modes") from None
