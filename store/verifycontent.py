"""Checks that the texts which the records commit to are there, unless a record says that they were erased."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from store.cipher import Damaged
from store.contentfolder import FOLDER
from store.contentreader import ContentReader
from store.dayreader import readable
from store.days import file_of
from store.days import folder_of
from store.lines import Line
from store.lines import beginning
from store.replay import Tail
from store.tables import ERASED
from store.tables import ERASURES
from store.texts import COMMIT
from store.texts import commitments
from store.texts import owner
from store.verifyfile import Bad

_COMMIT: Final = b'"%b":"' % COMMIT.encode()
_ERASED: Final = beginning(ERASED)
_ERASURES: Final = beginning(ERASURES)


@dataclass(slots=True)
class _Lack:
    """Texts of one session that are not there: the first line that commits to one, and how many there are."""

    line: int
    count: int = 1


class ContentCheck:
    """Shown every line of the log, it knows in the end what is not as it should be."""

    def __init__(self, data: Path) -> None:
        self.texts = 0
        """Texts that are there and are those that were committed to."""
        self.erased = 0
        """Texts that are not there, by a record that says so."""
        self.removed: set[str] = set()
        """Files of days that are not there, by a record that says so."""
        self._folder = folder_of(data)
        self._looking = ContentReader(data).looking()
        self._lacking: dict[tuple[str, str], _Lack] = {}
        self._marked: set[tuple[str, str]] = set()
        self._bad: dict[str, Bad] = {}

    def look(self, day: str, number: int, data: bytes) -> None:
        """The next line of a day. Raises OSError."""
        if _COMMIT in data or data.startswith((_ERASED, _ERASURES)):
            line = readable(data)
            if line is not None:
                self._line(day, number, line)

    def bad(self, day: str) -> Bad | None:
        """The first record of a day whose text is not as it should be. Call it when all lines of all days were shown."""
        lacking = [lack for (of, session), lack in self._lacking.items() if of == day and (of, session) not in self._marked]
        found = [Bad(lack.line, f"its text is missing, and {lack.count - 1} more of this session") for lack in lacking]
        return min([*found, *([self._bad[day]] if day in self._bad else [])], key=lambda bad: bad.line, default=None)

    def end(self) -> None:
        """All lines were shown. What was erased meanwhile is marked by now. Raises OSError."""
        for day in {day for day, session in self._lacking.keys() - self._marked}:
            for _, data in Tail(file_of(self._folder, day)).lines(needle=_ERASED):
                if data.startswith(_ERASED) and (line := readable(data)) is not None:
                    self._line(day, 0, line)
        self.erased = sum(lack.count for place, lack in self._lacking.items() if place in self._marked)

    def _line(self, day: str, number: int, line: Line) -> None:
        for row in (*line.put.values(), *line.set.values()):
            if line.table == ERASED:
                self._marked.add((day, owner(row)))
            elif line.table == ERASURES:
                self.removed |= {str(gone.get("file")) for gone in row.get("days") or ()}
            else:
                for commitment in commitments(line.table, row):
                    self._text(day, number, owner(row), commitment)

    def _text(self, day: str, number: int, session: str, commitment: str) -> None:
        try:
            self._looking.of(day, session).read(commitment)
            self.texts += 1
        except KeyError:
            lack = self._lacking.setdefault((day, session), _Lack(number, 0))
            lack.count += 1
        except Damaged as error:
            self._bad.setdefault(day, Bad(number, f"its text in {FOLDER}/{day}/{session}.jsonl was changed: {error}"))
