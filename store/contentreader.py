"""What was said, as any process may read it while the key of its session exists."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final
from typing import Protocol

import msgspec

from store.cipher import Cipher
from store.cipher import Damaged
from store.cipher import Entry
from store.cipher import entry
from store.contentfolder import frames_of
from store.contentfolder import path_of
from store.days import days_in
from store.days import file_of
from store.days import folder_of
from store.framereader import Frames
from store.keyfile import KeyFile
from store.lines import Line
from store.replay import Ahead
from store.replay import Tail
from store.texts import MISSING
from store.texts import owner
from store.texts import rejoined

_IN_MEMORY: Final = 256


class Writing(Protocol):
    """Contents that this process writes to."""

    keys: KeyFile

    def ahead(self, day: str, session: str) -> Ahead | None: ...


class SessionTexts:
    """The texts of one session in the records of one day."""

    def __init__(self, entries: dict[str, Entry], cipher: Cipher | None) -> None:
        self._entries = entries
        self._cipher = cipher

    def read(self, commitment: str) -> str:
        """The text of a commitment. Raises KeyError where it is not there (any more), Damaged where it is not what was committed to."""
        found = self._entries[commitment]
        if self._cipher is None:
            raise KeyError(commitment)
        return self._cipher.opened(found)

    def find(self, commitment: str) -> str | None:
        """As `read`, None where it cannot."""
        try:
            return self.read(commitment)
        except (KeyError, Damaged):
            return None

    def have(self, text: str) -> bool:
        """Whether `text`, which is case-folded, is in any, also in one that no record has any more."""
        return any(text in said.casefold() for said in self._said())

    def _said(self) -> Iterator[str]:
        cipher = self._cipher
        if cipher is None:
            return
        for found in self._entries.values():
            with suppress(Damaged):
                yield cipher.unsealed(found)


class ContentReader:
    """Contents of a data folder; `writing` for the process that writes them. Methods raise OSError."""

    def __init__(self, data: Path, writing: Writing | None = None) -> None:
        self._data = data
        self._writing = writing
        self._keys = writing.keys if writing is not None else KeyFile(data)

    def of(self, day: str, session: str) -> SessionTexts:
        """What there is now; nothing for a session that has no file."""
        try:
            path = path_of(self._data, day, session)
        except ValueError:
            return SessionTexts({}, None)
        ahead = self._writing.ahead(day, session) if self._writing is not None else None
        entries: dict[str, Entry] = {}
        number = -1
        for _, line in Tail(path).lines(ahead=ahead):
            if (found := _entry(line)) is None:
                continue
            if found.voicetap:
                number = found.key
            else:
                entries[found.commit] = found
        key = self._keys.get(number) if number >= 0 else None
        return SessionTexts(entries, None if key is None else Cipher(key))

    def frames(self, day: str, session: str) -> Frames:
        """The messages of a session that are written now. Raises ValueError for an id that is no file name."""
        return Frames(frames_of(self._data, day, session), self._keys.get)

    def looking(self) -> Looking:
        """For looking at many records in a row."""
        return Looking(self)


class Looking:
    """Remembers the contents that were looked at last, as they were then."""

    def __init__(self, reader: ContentReader) -> None:
        self._reader = reader
        self._seen: OrderedDict[tuple[str, str], SessionTexts] = OrderedDict()

    def of(self, day: str, session: str) -> SessionTexts:
        """As `ContentReader.of`."""
        found = self._seen.get((day, session)) or self._read(day, session)
        self._seen.move_to_end((day, session))
        return found

    def find(self, day: str, session: str, commitment: str) -> str | None:
        """A text, which may have been written since; None where it cannot be read."""
        found = self.of(day, session).find(commitment)
        return found if found is not None else self._read(day, session).find(commitment)

    def _read(self, day: str, session: str) -> SessionTexts:
        found = self._seen[day, session] = self._reader.of(day, session)
        while len(self._seen) > _IN_MEMORY:
            self._seen.popitem(last=False)
        return found


def texts_of(path: Path) -> Callable[[Line], None] | None:
    """What puts the texts into the lines of a file; None for a file that is no day of a log."""
    day = path.stem
    if path.parent.name != folder_of(path).name or file_of(path.parent, day) != path or day not in days_in(path.parent):
        return None
    looking = ContentReader(path.parent.parent).looking()

    def told(line: Line) -> None:
        for row in (*line.put.values(), *line.set.values()):
            rejoined(line.table, row, partial(looking.find, day, owner(row)), MISSING)

    return told


def _entry(line: bytes) -> Entry | None:
    """None for damage."""
    try:
        return entry(line)
    except msgspec.DecodeError:
        return None
