"""The records of an export: of each kind its fields in order, with their types. JSON lines and their schema are made from these.

A field that is added leaves the version as it is; one that changes its meaning or goes away raises it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any
from typing import Final
from typing import Literal
from typing import NamedTuple

import msgspec

from store.export.native import FIELDS
from store.frames import Event
from store.lines import Row

VERSION: Final = 1

Kind = Literal["session", "turn", "finding", "bill", "frame"]


class Field(NamedTuple):
    """A field of a record; each may be null unless it `is_required`."""

    name: str
    type: str
    is_required: bool = False


def _fields(order: str | tuple[str, ...], **types: str) -> tuple[Field, ...]:
    """Fields in an order, by the types that names have; `!` marks those that are required, what has no type is a string."""
    known = {name.rstrip("!"): Field(name.rstrip("!"), kind, name.endswith("!")) for kind, names in types.items() for name in names.split()}
    return tuple(known.get(name, Field(name, "string")) for name in (order.split() if isinstance(order, str) else order))


FIELDS_OF: Final[Mapping[Kind, tuple[Field, ...]]] = {
    "session": _fields(
        "id started_at ended_at transport call client_secret door principal route provider kind family dialect upstream_host grouping"
        " traceparent client model upstream_model provider_model provider_session turns usage cost first_audio findings media audio"
        " recording held events error close frames unreadable redacted_credentials tags errors lost added",
        string="id! started_at!",
        integer="turns redacted_credentials",
        array="tags errors",
        object="call client usage cost first_audio findings media audio recording held events error close frames unreadable lost added",
    ),
    "turn": _fields(
        "session index id trigger status reason error started_at ended_at model voice tools input summary output input_chars output_chars"
        " tool_calls usage transcription_usage cost clocks moments audio interrupted truncated_ms held out_of_band cut content",
        string="session! trigger! status! started_at!",
        integer="index! input_chars output_chars",
        number="truncated_ms",
        boolean="interrupted out_of_band cut",
        array="tools tool_calls",
        object="error usage transcription_usage cost clocks moments audio held",
    ),
    "finding": _fields((*FIELDS, "content"), string="id! at! kind! severity! action! mode!", integer="turn", object="detail"),
    "bill": _fields(
        "session row at principal route provider model item unit quantity price per source date cost note",
        string="session! at! item! unit!",
        integer="row! per",
        number="quantity! price cost",
    ),
    "frame": _fields(
        ("session", *(field.encode_name for field in msgspec.structs.fields(Event))),
        string="session! from! by! outcome! opcode!",
        integer="n! at! size turn lost",
        boolean="masked",
        array="findings elided",
        object="was",
    ),
}
"""Every kind of record: what it is made of, in the order in which it is written."""


def record(kind: Kind, row: Row) -> Row:
    """The record of a row of the log: its kind, then all its fields; null for what it does not have."""
    return {"record": kind, **{field.name: row.get(field.name) for field in FIELDS_OF[kind]}}


def line(kind: Kind, row: Row) -> str:
    """The same as one line of JSON in ASCII with its end."""
    return json.dumps(record(kind, row), separators=(",", ":")) + "\n"


def header(kinds: tuple[Kind, ...]) -> str:
    """The first line of an export."""
    return json.dumps({"record": "export", "version": VERSION, "kinds": kinds}, separators=(",", ":")) + "\n"


def schema() -> dict[str, Any]:
    """JSON Schema of a line. Fields of later versions are let pass."""
    first = {
        "required": ["record", "version", "kinds"],
        "properties": {
            "record": {"const": "export"},
            "version": {"const": VERSION},
            "kinds": {"type": "array", "items": {"enum": list(FIELDS_OF)}},
        },
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "a line of voicetap's export",
        "type": "object",
        "oneOf": [first, *map(_of_kind, FIELDS_OF)],
    }


def text() -> str:
    """The schema as it stands in data/export.schema.json."""
    return json.dumps(schema(), indent=1) + "\n"


def _of_kind(kind: Kind) -> dict[str, Any]:
    fields = FIELDS_OF[kind]
    types = {field.name: {"type": field.type if field.is_required else [field.type, "null"]} for field in fields}
    return {"required": ["record", *types], "properties": {"record": {"const": kind}, **types}}


if __name__ == "__main__":
    sys.stdout.write(text())
