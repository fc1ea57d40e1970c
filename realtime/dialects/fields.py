"""Typed reading of untrusted JSON: a value of the wrong type is as good as absent, and nothing here raises."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from typing import Final

import msgspec

from realtime.audio import base64_size

Fields = Mapping[str, Any]

ABSENT: Final = object()
"""In the place of a value where there is none; null is one."""
_NONE: Final[dict[str, Any]] = {}
_QUOTE: Final = ord('"')
_decode_text = msgspec.json.Decoder(str).decode


def text(source: Fields, *names: str) -> str | None:
    """The first of the named fields that is a text."""
    for name in names:
        value = source.get(name)
        if isinstance(value, str):
            return value
    return None


def obj(source: Fields, *names: str) -> dict[str, Any]:
    """The first of the named fields that is an object, else an empty one."""
    for name in names:
        value = source.get(name)
        if isinstance(value, dict):
            return value
    return _NONE


def objects(source: Fields, *names: str) -> list[dict[str, Any]]:
    """The objects in the first of the named fields that is a list; other members are left out."""
    found: list[Any] = next((value for name in names if isinstance(value := source.get(name), list)), [])
    return [member for member in found if isinstance(member, dict)]


def value_at(source: Fields, path: tuple[str, ...]) -> Any:
    """What stands at a path of objects; `ABSENT` where nothing does."""
    value: Any = source
    for name in path:
        if not isinstance(value, dict) or name not in value:
            return ABSENT
        value = value[name]
    return value


def whole(source: Fields, name: str) -> int | None:
    """A whole number, booleans excluded."""
    value = source.get(name)
    return value if type(value) is int else None


def as_json(value: object) -> str:
    """A text as it is, anything else as compact JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def raw_text(raw: msgspec.Raw) -> str:
    """The text behind a raw JSON value, or "" where it is none."""
    try:
        return _decode_text(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""


def raw_audio(raw: msgspec.Raw) -> int:
    """Bytes behind a raw JSON text of base64, without decoding it; 0 where it is no text."""
    view = memoryview(raw)
    length = len(view) - 2
    if length < 2 or view[0] != _QUOTE:
        return 0
    return base64_size(length, bytes(view[-3:-1]).count(b"="))


def audio_size(encoded: object) -> int:
    """Bytes behind a base64 text; 0 where it is no text or too short to be base64."""
    return base64_size(len(encoded), encoded.count("=", -2)) if isinstance(encoded, str) and len(encoded) > 1 else 0
