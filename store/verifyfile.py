"""Checks the chain of one file: names the first line that was changed, put in, taken out, moved or cut off.

A line is vouched for by the line after it, which carries its hash, and by a seal. Where two lines do not fit each other it is the
earlier one that was changed if the later one is vouched for, else the later one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final
from typing import NamedTuple

import msgspec

from store.chain import BEGINNING
from store.chain import Head
from store.chain import Link
from store.chain import beginning_of
from store.chain import digest
from store.chain import link_of

Look = Callable[[int, bytes], None]
"""Called with the number and the bytes of each line."""

_REMEMBERED: Final = 1_000
"""Lines before the present one in which the place is looked for that others were put in after."""


@dataclass(frozen=True, slots=True)
class Bad:
    """The first record of a file that is not as it was written: its line, counted from 1, and why."""

    line: int
    why: str


class Witness(NamedTuple):
    """A statement about a head of the file, made elsewhere: `by` says where."""

    head: Head
    by: str


class _Doubt(NamedTuple):
    """Who is to blame depends on whether the line at hand is vouched for."""

    vouched: Bad
    otherwise: Bad


@dataclass(slots=True)
class Checked:
    """What a file was found to be. `unchained` lines stand before its chain begins; `witnessed` is the last line that is sealed."""

    lines: int = 0
    unchained: int = 0
    witnessed: int = 0
    head: Head | None = None
    bad: Bad | None = None


class Walk:
    """One pass over the lines of a file."""

    def __init__(self, witnesses: Collection[Witness], look: Look) -> None:
        self.found = Checked()
        self._witnesses: dict[int, list[Witness]] = {}
        for witness in witnesses:
            self._witnesses.setdefault(witness.head.seq, []).append(witness)
        self._look = look
        self._before = hashlib.sha256()
        self._lines: dict[int, tuple[str, int]] = {}
        """Digest and line of the last records by their numbers."""
        self._doubt: _Doubt | None = None
        self._rewritten: Bad | None = None
        """A record that fits its neighbours and not a seal: what follows may tell where this began."""

    def line(self, data: bytes) -> None:
        """The next line, without its end."""
        found = self.found
        found.lines += 1
        if found.bad is not None:
            return
        if found.head is None and not data.startswith(BEGINNING):
            found.bad = self._unchained(data)
            return
        bad = self._linked(data)
        if bad is not None:
            found.bad = self._earlier(bad)
        elif self._rewritten is None:
            self._look(found.lines, data)

    def end(self) -> Checked:
        """There are no more lines."""
        found = self.found
        if found.bad is None and self._doubt is not None:
            found.bad = self._earlier(self._doubt.otherwise)
        found.bad = found.bad or self._rewritten
        beyond = max(self._witnesses, default=-1)
        if found.bad is None and beyond > (last := found.head.seq if found.head is not None else -1):
            by = self._witnesses[beyond][0].by
            found.bad = Bad(found.lines + 1, f"{beyond - last} record(s) are missing at the end: {by} names number {beyond}")
        return found

    def _earlier(self, bad: Bad) -> Bad:
        return min(bad, self._rewritten or bad, key=lambda one: one.line)

    def _unchained(self, data: bytes) -> Bad | None:
        """A line before the chain; one that has a link comes after a beginning that is not there any more."""
        number = self.found.lines
        if (link := link_of(data)) is not None:
            return Bad(max(1, number - link.seq), "the line that begins the chain was changed or is missing")
        self.found.unchained += 1
        self._before.update(data + b"\n")
        self._look(number, data)
        return None

    def _linked(self, data: bytes) -> Bad | None:
        found, link = self.found, link_of(data)
        if found.head is None:
            return self._begun(data, link)
        if link is None or link.seq != found.head.seq + 1:
            return self._misplaced(data, link, self._settled(None))
        if (bad := self._settled(link)) is not None:
            return bad
        fits = link.prev == found.head.digest
        head = self._advance(data, Head(found.head.chain, link.seq, digest(data)))
        number = found.lines
        changed = Bad(number, "it was changed: it does not carry the hash of the line before it")
        doubt = None if fits else _Doubt(Bad(number - 1, "it was changed: the line after it carries another hash of it"), changed)
        return self._witnessed(head, doubt)

    def _begun(self, data: bytes, link: Link | None) -> Bad | None:
        """The line that begins the chain."""
        found, number = self.found, self.found.lines
        try:
            name = beginning_of(data).chain
        except msgspec.DecodeError:
            return Bad(number, "it cannot be read")
        if link is None or link.seq != 0:
            return Bad(number, "it was changed: the line that begins a chain has the number 0")
        head = self._advance(data, Head(name, 0, digest(data)))
        changed = Bad(number, "it was changed: it does not carry the hash of what stands before it")
        others = Bad(1, f"lines 1 to {number - 1} were changed: the line that begins the chain carries another hash of them")
        fits = link.prev == self._before.hexdigest()
        return self._witnessed(head, None if fits else _Doubt(others if found.unchained else changed, changed))

    def _advance(self, data: bytes, head: Head) -> Head:
        self.found.head = head
        self._lines[head.seq] = head.digest, self.found.lines
        self._lines.pop(head.seq - _REMEMBERED, None)
        return head

    def _witnessed(self, head: Head, doubt: _Doubt | None) -> Bad | None:
        """What those who saw the record say of it."""
        number = self.found.lines
        for witness in self._witnesses.get(head.seq, ()):
            if witness.head != head:
                since = f"it, or one after line {self.found.witnessed}," if self.found.witnessed else "it, or one before it,"
                if doubt is not None:
                    return doubt.otherwise
                self._rewritten = self._rewritten or Bad(number, f"{since} was changed: {witness.by} names another")
            elif doubt is not None:
                return doubt.vouched
            else:
                self.found.witnessed = number
        self._doubt = doubt
        return None

    def _settled(self, link: Link | None) -> Bad | None:
        """Who is to blame for what was in doubt; `link` is that of the line after it."""
        doubt, self._doubt = self._doubt, None
        if doubt is None or self.found.head is None:
            return None
        return doubt.vouched if link is not None and link.prev == self.found.head.digest else doubt.otherwise

    def _misplaced(self, data: bytes, link: Link | None, doubted: Bad | None) -> Bad | None:
        """A line that has no link, or a number that is not its own; `doubted` is to blame unless an earlier one is."""
        found, number = self.found, self.found.lines
        assert found.head is not None
        due = f"it is number {link.seq}, where {found.head.seq + 1} is due" if link is not None else ""
        if link is None:
            return doubted or Bad(number, "it was put in or changed: it has no link to the line before it")
        if link.seq > found.head.seq:
            return doubted or Bad(number, f"record(s) are missing before it, or it was moved: {due}")
        before, present = self._lines.get(link.seq - 1), self._lines.get(link.seq)
        if before is None or before[0] != link.prev or present is None or present[0] == digest(data):
            return doubted or Bad(number, f"it was put in or moved: {due}")
        put_in = Bad(before[1] + 1, f"it was put in: the record that follows line {before[1]} stands in line {number}")
        if doubted is not None:
            return min(doubted, put_in, key=lambda bad: bad.line)
        moved = Bad(number, f"it was put in or moved: {due}")
        return self._witnessed(self._advance(data, Head(found.head.chain, link.seq, digest(data))), _Doubt(put_in, moved))
