"""The log as commands read it, whether a proxy runs or not: sessions, turns, findings, and conditions on them."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import contextmanager
from datetime import UTC
from datetime import datetime
from pathlib import Path
from typing import Any

from cli.errors import Failure
from store import filters
from store.errors import AmbiguousId
from store.errors import StoreError
from store.filters import EVERYTHING
from store.filters import SESSION
from store.filters import BadFilter
from store.filters import Filter
from store.reader import LogReader

Record = dict[str, Any]


def read_sessions(data: Path, limit: int | None = None, wanted: Filter = EVERYTHING) -> list[Record]:
    """Sessions that fit, the newest first. Raises Failure VT102."""
    with readable(data):
        return LogReader(data).sessions(since=wanted.since, until=wanted.until, globs=wanted.globs, text=wanted.text, limit=limit)


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


def filter_of(given: list[str], known: Mapping[str, str] = SESSION) -> Filter:
    """Conditions and words, as `store.filters` reads them. Raises Failure VT105."""
    try:
        return filters.of_words(given, known, datetime.now(UTC))
    except BadFilter as error:
        raise Failure("VT105", str(error), error.hint) from None


@contextmanager
def readable(data: Path) -> Iterator[None]:
    """What goes wrong with the log in here ends the command. Raises Failure VT103, VT102."""
    try:
        yield
    except AmbiguousId as error:
        raise Failure("VT103", str(error), "./run.sh sessions lists them") from None
    except (StoreError, OSError) as error:
        raise Failure("VT102", str(error), f"check {data}; ./run.sh doctor looks at its modes") from None
