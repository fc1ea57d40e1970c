"""The line grammar: what one line of a file of the store says, written and read. `docs/log.md` describes it.

What is written can always be read again: numbers that JSON does not have become null, halves of UTF-16 pairs become U+FFFD.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from typing import Final

import msgspec

from store.errors import LogFormat

VERSIONS: Final = (1, 2)
"""Of version 2 are files whose lines are chained and whose texts stand elsewhere."""
HEADER: Final = b'{"voicetap":"log","version":1}\n'
"""The first line of a file that is not chained."""

Row = dict[str, Any]


class Line(msgspec.Struct, omit_defaults=True):
    """One change of one table, applied in the order of its fields; ids are decimal strings as TinyDB keeps them.

    `clear` removes every document, `put` stores documents whole, `set` replaces fields of documents, `drop` removes documents.
    """

    table: str = ""
    at: str = ""
    clear: bool = False
    put: dict[str, Row] = {}
    set: dict[str, Row] = {}
    drop: list[int] = []
    voicetap: str = ""
    version: int = 0
    chain: str = ""


class Ids(msgspec.Struct):
    """A line of which only the ids matter."""

    table: str = ""
    put: dict[str, msgspec.Raw] = {}
    voicetap: str = ""
    version: int = 0
    chain: str = ""


class Named(msgspec.Struct):
    """What a record says of whose it is, and when or which; the rest of it is not looked at."""

    id: str | None = None
    session: str | None = None
    started_at: str | None = None
    at: str | None = None
    index: int | None = None

    @property
    def moment(self) -> str | int:
        """The index of a turn; of anything else when it was. "" where it does not say."""
        return self.index if self.index is not None else self.at or self.started_at or ""


class Names(msgspec.Struct):
    """A line of which only matters whose records it changes."""

    table: str = ""
    clear: bool = False
    put: dict[str, Named] = {}
    set: dict[str, Named] = {}
    drop: list[int] = []
    voicetap: str = ""
    version: int = 0


class _Fields(msgspec.Struct):
    set: dict[str, dict[str, msgspec.Raw]] = {}


_encode = msgspec.json.Encoder().encode
_line = msgspec.json.Decoder(Line).decode
_ids = msgspec.json.Decoder(Ids).decode
_names = msgspec.json.Decoder(Names).decode
_fields = msgspec.json.Decoder(_Fields).decode
_table_name = msgspec.json.Encoder().encode

DecodeError = msgspec.DecodeError
"""What reading a damaged line raises."""


def decoded[T](decode: Callable[[bytes], T], data: bytes) -> T:
    """What `decode` makes of bytes. Raises DecodeError also for bytes that are no text."""
    try:
        return decode(data)
    except UnicodeDecodeError as error:
        raise DecodeError(str(error)) from None


def encode(line: Line) -> bytes:
    """The line with its line end. Raises TypeError for values that JSON cannot express."""
    try:
        return _encode(line) + b"\n"
    except UnicodeEncodeError:
        return _encode(whole(msgspec.to_builtins(line))) + b"\n"


def decode(data: bytes) -> Line:
    """The line's meaning. Raises DecodeError, LogFormat for a version that is not known."""
    return _known(decoded(_line, data))


def decode_ids(data: bytes) -> Ids:
    """As `decode`, without building documents."""
    return _known(decoded(_ids, data))


def decode_names(data: bytes) -> Names:
    """As `decode`, without building documents."""
    return _known(decoded(_names, data))


def decode_fields(data: bytes) -> set[str]:
    """The names of the fields that a line sets, of whichever document. Raises DecodeError."""
    return set().union(*decoded(_fields, data).set.values())


def of_other_tables(line: bytes, own: bytes) -> bool:
    """True only when `line` is certainly of a table other than the one whose lines begin with `own`; never decodes."""
    return line.startswith(b'{"table":"') and not line.startswith(own)


def beginning(table: str) -> bytes:
    """How lines of `table` begin when written by this module."""
    return b'{"table":' + _table_name(table) + b","


def _known[L: (Line, Ids, Names)](line: L) -> L:
    if line.voicetap and line.version not in VERSIONS:
        raise LogFormat(f"the file has format version {line.version}, this program knows up to {VERSIONS[-1]}; update voicetap")
    return line


def whole(value: Any) -> Any:
    """`value` with every string valid: pairs of surrogates joined, lone ones replaced."""
    match value:
        case str():
            return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        case dict():
            return {whole(name): whole(inner) for name, inner in value.items()}
        case list() | tuple():
            return [whole(inner) for inner in value]
    return value
