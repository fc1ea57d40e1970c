"""Change one value inside a JSON text and leave every other byte as it was."""

from __future__ import annotations

import json
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any
from typing import Final

_decoder: Final = json.JSONDecoder()
_SPACE: Final = " \t\n\r"


def replace_value(payload: bytes, path: tuple[str, ...], value: Any) -> bytes | None:
    """`payload` with the value at `path` (object keys from the root) replaced, or None where there is no such value.

    Of duplicate keys the last one is changed, as parsers read it. The payload must be valid JSON in UTF-8.
    """
    text = payload.decode()
    found = _span(text, path)
    if found is None:
        return None
    start, end = found
    return (text[:start] + json.dumps(value) + text[end:]).encode()


def _span(text: str, path: tuple[str, ...]) -> tuple[int, int] | None:
    start = _skip(text, 0)
    end = len(text)
    for key in path:
        found = _member(text, start, key)
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
        _, end = _decoder.raw_decode(text, start)
        if key == wanted:
            found = start, end
        position = _skip(text, end)
        if text[position] == ",":
            position = _skip(text, position + 1)
    return found


def _skip(text: str, position: int) -> int:
    while position < len(text) and text[position] in _SPACE:
        position += 1
    return position
