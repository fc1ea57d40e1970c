"""The recorded messages of a session as commands need them: there, and with what was in them, or a failure that says why not."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from cli.errors import Failure
from cli.records import Record
from cli.records import find_session
from cli.records import readable
from store.framereader import Frames
from store.reader import LogReader

_TURN_ON: Final = "set log.frames: events in the rules, with log.content: redacted or full; sessions that begin after that are recorded"


def recorded(data: Path, session: str) -> tuple[Record, Frames]:
    """A session and its messages. Raises Failure VT103, VT102, and VT110 where there are none."""
    record = find_session(data, session)
    with readable(data):
        found = LogReader(data).frames(record["id"])
    if found is None or not found.readable:
        raise Failure("VT110", f"session {record['id']}: {_why_not(record, found)}", "" if record.get("events") else _TURN_ON)
    return record, found


def _why_not(record: Record, found: Frames | None) -> str:
    if found is not None and found.erased:
        return "its messages were erased"
    if record.get("events"):
        return "its messages are not there any more, or not yet"
    return "its messages were not recorded"


def with_content(record: Record, frames: Frames) -> None:
    """Raises Failure VT110 where there are envelopes alone."""
    if frames.header is not None and frames.header.content == "metadata":
        raise Failure("VT110", f"session {record['id']}: its messages were recorded without what was in them", _TURN_ON)
