"""What is to be erased: sessions that somebody chose, or what the retention of the rules no longer keeps."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from datetime import datetime
from datetime import timedelta
from pathlib import Path

from store import contentfolder
from store import soundfolder
from store.clock import stamp
from store.inventory import Inventory
from store.inventory import Known
from store.inventory import Target
from store.inventory import day_of_folder
from store.inventory import end_of
from store.reader import LogReader
from store.tables import SESSIONS


@dataclass(frozen=True, slots=True)
class Retention:
    """For how many seconds after a session's end things are kept."""

    metadata: float
    content: float
    audio: float


def chosen(inventory: Inventory, wanted: Callable[[str, Known], bool]) -> list[Target]:
    """Sessions by their record; a live one is meant even where there is nothing of it yet, so that nothing will be kept of it."""
    found = []
    for session, known in inventory.sessions.items():
        if wanted(session, known):
            contents = {*inventory.contents.get(session, ()), *([(known.day, session)] if known.ended_at is None else [])}
            folder = inventory.folders.get(session)
            if contents or folder:
                found.append(inventory.target(session, sorted(contents), folder))
    return found


def without_record(inventory: Inventory, before: str) -> list[Target]:
    """Contents and sound of days before a moment that belong to no session of the log."""
    lost = (inventory.contents.keys() | inventory.folders.keys()) - inventory.sessions.keys()
    return list(_aged(inventory, lost, before, before, ()))


def expired(reader: LogReader, data: Path, keep: Retention, now: datetime, busy: Collection[str], *, every: bool) -> list[Target]:
    """What is kept no longer. `busy` are folders in which sound is made.

    With `every` days are looked at that are too young too: there may be contents in them that are marked as gone, and a crash kept.
    """
    present = {*contentfolder.days(data), *soundfolder.days(data)}
    oldest = stamp(now - timedelta(seconds=min(keep.content, keep.audio)))
    aged = {day for day in present if every or day <= oldest[:10]}
    if not aged:
        return []
    before = {(date.fromisoformat(day) - timedelta(days=1)).isoformat() for day in aged}
    inventory = Inventory(reader, data, sorted(aged | before))
    sessions = {session for session, places in inventory.contents.items() if any(day in aged for day, _ in places)}
    sessions |= {session for session, folder in inventory.folders.items() if day_of_folder(folder) in aged}
    content, audio = stamp(now - timedelta(seconds=keep.content)), stamp(now - timedelta(seconds=keep.audio))
    return list(_aged(inventory, sorted(sessions), content, audio, busy))


def expired_days(reader: LogReader, keep: Retention, now: datetime) -> list[str]:
    """Days of which nothing is kept any longer: the oldest ones, never the newest."""
    before = stamp(now - timedelta(seconds=keep.metadata))
    found: list[str] = []
    for day in reader.days()[:-1]:
        ends = [end_of(day), *(row.get("ended_at") for row in reader.rows(day, SESSIONS).values())] if end_of(day) <= before else [None]
        if not all(_before(end, before) for end in ends):
            break
        found.append(day)
    return found


def _aged(inventory: Inventory, sessions: Collection[str], content: str, audio: str, busy: Collection[str]) -> Iterator[Target]:
    """What is older than these moments."""
    for session in sessions:
        places = [
            place for place in inventory.contents.get(session, ()) if place in inventory.marked or _before(inventory.ended(*place), content)
        ]
        folder = inventory.folders.get(session)
        if folder in busy or (folder and not _before(inventory.ended(day_of_folder(folder), session), audio)):
            folder = None
        if places or folder:
            yield inventory.target(session, places, folder)


def _before(moment: str | None, limit: str) -> bool:
    return moment is not None and moment <= limit
