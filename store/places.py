"""Where the records of one table of a day stand in its file, by document and by whose they are, so that looking one up reads nothing else.

Follows the file as it grows and keeps some thirty bytes of each line in memory, and nothing of what it says.
"""

from __future__ import annotations

import logging
import os
from array import array
from collections.abc import Iterable
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from typing import Final

import msgspec

from store.errors import LogFormat
from store.files import reading
from store.lines import DecodeError
from store.lines import Line
from store.lines import Named
from store.lines import Names
from store.lines import Row
from store.lines import beginning
from store.lines import decode
from store.lines import decode_fields
from store.lines import decode_names
from store.lines import of_other_tables
from store.replay import Ahead
from store.replay import Tail
from store.tables import SESSIONS
from store.tables import TURNS
from store.texts import NOBODY

logger = logging.getLogger(__name__)

_MOMENTS: Final = (SESSIONS, TURNS)
"""Tables of which the moment of each document is kept."""
_SPARE: Final = 1_000
"""Ids of documents may be so much higher than how many there are."""
_FEW: Final = 3
_OF_LINE: Final = 24
_OF_MOMENT: Final = 80
_OF_NAME: Final = 220
"""Bytes of memory, about."""


class Uncommon(Exception):
    """The table was changed as the proxy does not change it (documents removed, several in a line): it is to be read as a whole."""


class Places:
    """A `store.whole.Table`; `refresh` raises Uncommon besides."""

    def __init__(self, path: Path, table: str) -> None:
        self.path = path
        self.table = table
        self._own = beginning(table)
        self._tail = Tail(path)
        self._ahead: Ahead | None = None
        self._forget()

    def _forget(self) -> None:
        self._offsets = array("Q")
        self._sizes = array("I")
        self._before = array("I")
        """Of each line the one before it that is about the same document, counted from 1; 0 where there is none."""
        self._newest = array("I", [0])
        """Of each document its last line, counted from 1; 0 where there is none."""
        self._names: dict[str, array[int]] = {}
        self._whose = [""]
        """The name of each document."""
        self._moments: list[str | int] = [""]
        """Of each document when it was, `started_at` or `at`; of a turn its index. Of tables that are not asked for it, the last alone."""
        self._sorted = True
        """Whether documents stand in the order of their moments."""

    def refresh(self, ahead: Ahead | None = None) -> None:
        self._ahead = ahead
        own, look = self._own, self._look
        for offset, line in self._tail.lines(on_anew=self._forget, ahead=ahead, needle=own):
            if line.startswith(own) or not of_other_tables(line, own):
                look(offset, line)

    @property
    def weight(self) -> int:
        return _OF_LINE * len(self._offsets) + 8 * len(self._whose) + _OF_MOMENT * len(self._moments) + _OF_NAME * len(self._names)

    @property
    def names(self) -> Iterable[str]:
        return self._names

    def documents(self, name: str | None = None) -> list[int]:
        found = range(1, len(self._newest)) if name is None else self._names.get(name, ())
        return [number for number in found if self._newest[number]]

    def in_order(self, name: str | None = None) -> list[int]:
        found = self.documents(name)
        return found if self._sorted else sorted(found, key=self.moment)

    def moment(self, number: int) -> Any:
        if self.table in _MOMENTS:
            return self._moments[number]
        return next((row.get("at") or "" for _, row in self.items([number])), "")

    def name(self, number: int) -> str:
        return self._whose[number]

    def newest(self, number: int) -> int:
        return self._newest[number]

    def items(self, numbers: Iterable[int]) -> Iterator[tuple[int, Row]]:
        with reading(self.path) as descriptor:
            for number in numbers:
                if (row := self._row(descriptor, number)) is not None:
                    yield number, row

    def puts(self, numbers: Iterable[int]) -> Iterator[tuple[int, bytes | None]]:
        with reading(self.path) as descriptor:
            for number in numbers:
                line = self._newest[number]
                yield number, None if self._before[line - 1] else self._read(descriptor, line)

    def lines(self, numbers: Iterable[int]) -> Iterator[bytes]:
        with reading(self.path) as descriptor:
            for number in numbers:
                for line in self._lines(number):
                    yield self._read(descriptor, line)

    def _row(self, descriptor: int | None, number: int) -> Row | None:
        lines = list(self._lines(number))
        found = [self._read(descriptor, line) for line in lines]
        if len(found) > _FEW:
            found = [*_needed(found[:-1]), found[-1]]
        key, row = str(number), None
        for line in map(_decoded, reversed(found)):
            if line is not None and key in line.put:
                row = line.put[key]
            elif line is not None and row is not None:
                row.update(line.set.get(key, {}))
        return row

    def _lines(self, number: int) -> Iterator[int]:
        """Those of a document, the newest first."""
        line = self._newest[number]
        while line:
            yield line
            line = self._before[line - 1]

    def _read(self, descriptor: int | None, line: int) -> bytes:
        offset, size = self._offsets[line - 1], self._sizes[line - 1]
        if self._ahead is not None and offset >= self._ahead[0]:
            return self._ahead[1][offset - self._ahead[0] :][:size]
        return b"" if descriptor is None else os.pread(descriptor, size, offset)

    def _look(self, offset: int, line: bytes) -> None:
        try:
            found = decode_names(line)
        except msgspec.ValidationError:
            raise Uncommon from None
        except DecodeError as error:
            logger.warning("%s: the line at byte %d cannot be read and is left out: %s", self.path, offset, error)
            return
        except LogFormat as error:
            raise LogFormat(f"{self.path}: {error}") from None
        if not found.voicetap and found.table == self.table:
            self._note(found, offset, len(line))

    def _note(self, found: Names, offset: int, size: int) -> None:
        if found.clear or found.drop or len(found.put) + len(found.set) > 1:
            raise Uncommon
        for key, named in found.put.items():
            number = self._number(key)
            self._put(number, named)
            self._add(number, offset, size, 0)
        for key, named in found.set.items():
            number = self._number(key)
            if number < len(self._newest) and self._newest[number]:
                self._again(number, self._name(named), named.moment)
                self._add(number, offset, size, self._newest[number])

    def _name(self, named: Named) -> str | None:
        return named.id if self.table == SESSIONS else named.session

    def _number(self, key: str) -> int:
        number = int(key) if key.isascii() and key.isdigit() and key[0] != "0" else 0
        if not 0 < number <= 4 * len(self._newest) + _SPARE:
            raise Uncommon
        return number

    def _put(self, number: int, named: Named) -> None:
        """A document is there; one that was there before is replaced."""
        name, moment = self._name(named) or NOBODY, named.moment
        if isinstance(moment, int) != (self.table == TURNS):
            raise Uncommon
        if number < len(self._newest) and self._newest[number]:
            self._again(number, name, moment)
            return
        self._sorted = self._sorted and number >= len(self._newest) and (not self._names or not moment < self._moments[-1])  # type: ignore[operator]
        missing = number + 1 - len(self._newest)
        self._newest.extend([0] * missing)
        self._whose.extend([""] * missing)
        found = self._names.get(name)
        if found is None:
            found = self._names[name] = array("I")
        else:
            name = self._whose[found[0]]
        found.append(number)
        self._whose[number] = name
        if self.table in _MOMENTS:
            self._moments.extend([""] * missing)
        self._moments[number if self.table in _MOMENTS else 0] = moment

    def _again(self, number: int, name: str | None, moment: str | int) -> None:
        """A document that was there says of itself whose it is, and when it was. Raises Uncommon where it is another's now."""
        if name is not None and name != self._whose[number]:
            raise Uncommon
        if self.table not in _MOMENTS:
            self._sorted = self._sorted and moment == ""
        elif moment not in ("", self._moments[number]):
            self._moments[number], self._sorted = moment, False

    def _add(self, number: int, offset: int, size: int, before: int) -> None:
        self._offsets.append(offset)
        self._sizes.append(size)
        self._before.append(before)
        self._newest[number] = len(self._offsets)


def _decoded(data: bytes) -> Line | None:
    """None for what is no line any more, because the file was replaced in this moment."""
    try:
        return decode(data)
    except DecodeError:
        return None


def _needed(lines: Iterable[bytes]) -> list[bytes]:
    """Of lines that set fields, the newest first, those that set any which no later one sets."""
    made: list[bytes] = []
    known: set[str] = set()
    for line in lines:
        try:
            names = decode_fields(line)
        except msgspec.DecodeError:
            return list(lines)
        if not names <= known:
            known |= names
            made.append(line)
    return made
