"""Looking for words in all that is kept of sessions: what cannot have them is passed over, what may have them is read as it stands."""

from __future__ import annotations

from typing import Protocol

from store.contentreader import ContentReader
from store.lines import Row
from store.query import has_text
from store.tables import SESSIONS
from store.tables import TURNS
from store.whole import Table


class Searched(Protocol):
    """The log, of which sessions are searched."""

    contents: ContentReader

    def table(self, day: str, name: str) -> Table: ...

    def with_texts(self, day: str, session: str, rows: list[Row]) -> list[Row]:
        """Turns of a session with what was said."""


class Search:
    """Looks for `text`, in any case, in every string of a day's sessions and of their turns."""

    def __init__(self, log: Searched, day: str, text: str) -> None:
        self._log = log
        self._day = day
        self._text = text.casefold()
        self._sessions = log.table(day, SESSIONS)
        self._turns = log.table(day, TURNS)
        plain = self._text.isascii() and self._text.isprintable() and not {'"', "\\"} & {*self._text}
        self._needle = self._text.encode() if plain else None
        """How the text stands in a line, if it does."""

    def finds(self, number: int) -> bool:
        """Whether a session has it. Raises OSError."""
        name = self._sessions.name(number)
        turns = self._turns.documents(name)
        said = self._log.contents.of(self._day, name)
        if not (self._may_stand(self._sessions, [number]) or said.have(self._text) or self._may_stand(self._turns, turns)):
            return False
        if any(has_text(row, self._text) for _, row in self._sessions.items([number])):
            return True
        rows = [row for _, row in self._turns.items(turns)]
        return any(has_text(row, self._text) for row in self._log.with_texts(self._day, name, rows))

    def _may_stand(self, table: Table, numbers: list[int]) -> bool:
        """Whether a line about documents can say it; texts that were said stand elsewhere."""
        lines = table.lines(numbers)
        needle = self._needle
        if lines is None or needle is None:
            return True
        return any(needle in line.lower() or not line.isascii() or b"\\u" in line for line in lines)
