"""What there is of sessions on the disk besides their records, contents and sound, and what the records say of its age."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from datetime import timedelta
from pathlib import Path

from store import contentfolder
from store import soundfolder
from store.contents import Place
from store.lines import Row
from store.reader import LogReader
from store.tables import ERASED
from store.tables import SESSIONS
from store.texts import NOBODY
from store.texts import owner


@dataclass(frozen=True, slots=True)
class Target:
    """What goes of a session. `document` is its place in the file of `day`; None for a session that has no record there.

    `marked` are contents of which the log says already that they are gone.
    """

    session: str
    day: str
    document: int | None = None
    contents: tuple[Place, ...] = ()
    marked: frozenset[Place] = frozenset()
    folder: str | None = None
    recording: Row | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """A session that has a record."""

    day: str
    document: int
    principal: str | None
    started_at: str
    ended_at: str | None
    recording: Row | None


class Inventory:
    """Made anew for each question, of all days or of some. Raises OSError, LogUnavailable."""

    def __init__(self, reader: LogReader, data: Path, days: Collection[str] | None = None) -> None:
        self.contents: dict[str, list[Place]] = {}
        for day, session in contentfolder.contents(data):
            self.contents.setdefault(session, []).append((day, session))
        self.folders = {path.name: folder for folder, path in soundfolder.sessions(data)}
        self.sessions: dict[str, Known] = {}
        self.marked: set[Place] = set()
        for day in reader.days() if days is None else days:
            self.sessions.update((str(row.get("id")), _known(day, key, row)) for key, row in reader.rows(day, SESSIONS).items())
            self.marked.update((day, owner(row)) for row in reader.rows(day, ERASED).values())

    def target(self, session: str, contents: Collection[Place], folder: str | None) -> Target:
        """What goes of a session."""
        known, places = self.sessions.get(session), tuple(contents)
        marked = frozenset(self.marked.intersection(places))
        if known is None:
            return Target(session, places[0][0] if places else day_of_folder(str(folder)), None, places, marked, folder)
        return Target(session, known.day, known.document, places, marked, folder, known.recording)

    def ended(self, day: str, session: str) -> str | None:
        """When a session ended that has something in a day's folder; None while it runs, the end of that day where no record says it."""
        known = self.sessions.get(session) if session != NOBODY else None
        return known.ended_at if known is not None else end_of(day)


def end_of(day: str) -> str:
    """The moment at which a day is over, as the log writes it."""
    return f"{date.fromisoformat(day) + timedelta(days=1)}T00:00:00.000Z"


def day_of_folder(folder: str) -> str:
    """The day of a folder of sound."""
    return folder.split("/")[1]


def _known(day: str, key: str, row: Row) -> Known:
    principal, recording = row.get("principal"), row.get("recording")
    return Known(day, int(key), principal, str(row.get("started_at")), row.get("ended_at"), recording)
