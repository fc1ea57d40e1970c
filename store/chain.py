"""The chain of a file: every line ends with its number and the SHA-256 of the line before it, so that none can be changed, put in,
taken out or moved without the one after it showing it.

    {"voicetap":"log","version":2,"chain":"<id>","after":{"file":…,"chain":…,"seq":…,"head":…},"sealed":30.0,"seq":0,"prev":"<64 hex>"}
    {"table":"sessions",…,"seq":1,"prev":"<SHA-256 of the line above, without its line end>"}

The line that begins a chain names the head of the file before it, and how often, in seconds, the file is going to be sealed. Its own
`prev` is the SHA-256 of all bytes that stand before it in its file: of none, unless the file was begun by a program that knew no chain.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final
from typing import NamedTuple

import msgspec

from store.lines import decoded

_LINK: Final = re.compile(rb',"seq":(0|[1-9][0-9]{0,15}),"prev":"([0-9a-f]{64})"\}\Z')
_LONGEST: Final = 128
"""Bytes at the end of a line in which its link is looked for."""

BEGINNING: Final = b'{"voicetap":"log","version":2,"chain":'
"""How the line that begins a chain begins."""

NOTHING: Final = hashlib.sha256().hexdigest()
"""`prev` of a chain that begins its file."""


class Link(NamedTuple):
    """The end of a line: its number in the chain, and the digest (hex) of the line before it."""

    seq: int
    prev: str


class Head(NamedTuple):
    """The last line of a chain: which chain it is, the line's number and its digest (hex)."""

    chain: str
    seq: int
    digest: str


class After(msgspec.Struct, frozen=True):
    """The head of another file, as it stood when a chain was begun."""

    file: str
    chain: str
    seq: int
    head: str


class Beginning(msgspec.Struct, omit_defaults=True):
    """The line that begins a chain, without its link."""

    voicetap: str = ""
    version: int = 0
    chain: str = ""
    after: After | None = None
    sealed: float | None = None


_beginning = msgspec.json.Decoder(Beginning).decode
_encode = msgspec.json.Encoder().encode


def digest(line: bytes) -> str:
    """What the next line says of this one, which has no line end."""
    return hashlib.sha256(line).hexdigest()


def link_of(line: bytes) -> Link | None:
    """The link of a line without its line end; None for a line that has none."""
    found = _LINK.search(line, max(0, len(line) - _LONGEST))
    return Link(int(found[1]), found[2].decode()) if found else None


def linked(line: bytes, seq: int, prev: str) -> bytes:
    """A line, a JSON object that is not empty, with its link put in at its end; both with their line end."""
    return line[:-2] + b',"seq":%d,"prev":"%b"}\n' % (seq, prev.encode())


def begin(chain: str, after: After | None, before: str, sealed: float | None = None) -> bytes:
    """The line that begins a chain; `before` is the digest of what stands in the file, `sealed` as in `Beginning`."""
    told = b',"after":' + _encode(after) if after is not None else b""
    often = b',"sealed":' + _encode(sealed) if sealed is not None else b""
    return linked(BEGINNING + b'"%b"%b%b}\n' % (chain.encode(), told, often), 0, before)


def beginning_of(line: bytes) -> Beginning:
    """What a line that begins a chain says. Raises msgspec.DecodeError for a damaged one."""
    return decoded(_beginning, line)


class Chain:
    """Links the lines of one file, in the order in which they will stand there.

    `head` is None until the first line was taken; then the lines that `next` gives begin with the one that begins the chain.
    """

    def __init__(
        self, name: str, head: Head | None = None, *, after: After | None = None, before: str = NOTHING, sealed: float | None = None
    ) -> None:
        self.name = name
        self.head = head
        self._after = after
        self._before = before
        self._sealed = sealed

    def next(self, line: bytes) -> tuple[bytes, Head]:
        """The bytes to write for a line, and the head when they are: assign it to `head` once they are sure to be written."""
        start = b""
        head = self.head
        if head is None:
            start = begin(self.name, self._after, self._before, self._sealed)
            head = Head(self.name, 0, digest(start[:-1]))
        made = linked(line, head.seq + 1, head.digest)
        return start + made, Head(self.name, head.seq + 1, digest(made[:-1]))


def head_at(chain: str, last: bytes) -> Head | None:
    """The head of a chain whose file ends with the line `last`; None where that line is in no chain."""
    found = link_of(last) if chain else None
    return None if found is None else Head(chain, found.seq, digest(last))
