"""Change values, or characters of them, inside a JSON text and leave every other byte as it was."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any
from typing import Final

from realtime.jsonpath import Keys

_decoder: Final = json.JSONDecoder()
_SPACE: Final = " \t\n\r"
_SIGN: Final = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.|[^\\]",
    re.DOTALL,
)
"""One character of a JSON string as it may be written: a pair of escapes, an escape, itself."""


@dataclass(frozen=True, slots=True)
class Edit:
    """What stands at `keys` becomes `value`; with `start` and `end` only those characters of the text that stands there."""

    keys: Keys
    value: Any
    start: int = 0
    end: int | None = None


def replace_value(payload: bytes, path: Keys, value: Any) -> bytes | None:
    """`payload` with the value at `path` (keys and indices from the root) replaced, or None where there is no such value.

    Of duplicate keys the last one is changed, as parsers read it. The payload must be valid JSON in UTF-8.
    """
    text = payload.decode()
    found = _span(text, path)
    if found is None:
        return None
    start, end = found
    return (text[:start] + json.dumps(value) + text[end:]).encode()


def edited(payload: bytes, edits: Iterable[Edit]) -> bytes:
    """`payload` with all `edits` made; one inside another is done with it. Raises LookupError where a place is not there."""
    text = payload.decode()
    changes: list[tuple[int, int, str]] = []
    for keys, wanted in groupby(sorted(edits, key=lambda edit: tuple(map(str, edit.keys))), key=lambda edit: edit.keys):
        place = _span(text, keys)
        if place is None:
            raise LookupError("there is no such value")
        changes += _changes(text, place, tuple(wanted))
    return "".join(_pieces(text, changes)).encode()


def _pieces(text: str, changes: list[tuple[int, int, str]]) -> Iterator[str]:
    position = 0
    for start, end, written in sorted(changes, key=lambda change: (change[0], -change[1])):
        if start >= position:
            yield text[position:start]
            yield written
            position = end
    yield text[position:]


def literal(value: Any) -> str:
    """`value` as JSON, its letters as they are; escaped only where UTF-8 cannot carry them (half of a surrogate pair)."""
    text = json.dumps(value, ensure_ascii=False)
    return json.dumps(value) if _HALF.search(text) else text


_HALF: Final = re.compile("[\ud800-\udfff]")


def _changes(text: str, place: tuple[int, int], edits: tuple[Edit, ...]) -> list[tuple[int, int, str]]:
    start, end = place
    whole = [(start, end, literal(edit.value)) for edit in edits if edit.end is None]
    if whole or text[start] != '"':
        return whole[-1:] or [(start, end, literal(edits[-1].value))]
    offsets = _offsets(text[start + 1 : end - 1])
    return [(start + 1 + offsets[e.start], start + 1 + offsets[e.end or 0], literal(e.value)[1:-1]) for e in edits]


def _offsets(raw: str) -> list[int] | range:
    """Where each character of a JSON string starts in the way it is written, and where the last one ends."""
    if "\\" not in raw:
        return range(len(raw) + 1)
    return [*(found.start() for found in _SIGN.finditer(raw)), len(raw)]


def _span(text: str, path: Keys) -> tuple[int, int] | None:
    start = _skip(text, 0)
    end = len(text)
    for key in path:
        found = _element(text, start, key) if isinstance(key, int) else _member(text, start, key)
        if found is None:
            return None
        start, end = found
    return start, end


def _member(text: str, position: int, wanted: str) -> tuple[int, int] | None:
    """Where the value of `wanted` starts and ends in the object at `position`."""
    if text[position] != "{":
        return None
    found = None
    position = _skip(text, position + 1)
    while text[position] != "}":
        key, position = scanstring(text, position + 1, False)
        start = _skip(text, _skip(text, position) + 1)
        end = _end(text, start)
        if key == wanted:
            found = start, end
        position = _next(text, end)
    return found


def _element(text: str, position: int, wanted: int) -> tuple[int, int] | None:
    """Where element `wanted` starts and ends in the array at `position`."""
    if text[position] != "[":
        return None
    number = 0
    position = _skip(text, position + 1)
    while text[position] != "]":
        end = _end(text, position)
        if number == wanted:
            return position, end
        number += 1
        position = _next(text, end)
    return None


def _end(text: str, start: int) -> int:
    """Where the value that starts here ends."""
    return int(_decoder.raw_decode(text, start)[1])


def _next(text: str, position: int) -> int:
    """Behind the comma that may stand here, at the next value or the closing bracket."""
    position = _skip(text, position)
    return _skip(text, position + 1) if text[position] == "," else position


def _skip(text: str, position: int) -> int:
    while position < len(text) and text[position] in _SPACE:
        position += 1
    return position
