"""Recognises secrets written out in a rules file, so that no diagnostic ever shows one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from typing import Final

from realtime.detectors import find
from rules.section import ENV_REFERENCE

_HIDDEN: Final = "•"
_LINE_END: Final = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_NAMED_LIKE_ONE: Final = r"(?:credentials?|api[_-]?keys?|token|secret|password|authorization|\bhash)"
_HEADERS: Final = ("otel", "headers")
"""Where the keys are of the user's own choice."""
_KEY: Final = re.compile(_NAMED_LIKE_ONE + "$", re.IGNORECASE)
_NO_SECRET: Final = re.compile(f"{ENV_REFERENCE}|file:.+|client|inject|sha256:[0-9a-f]{{64}}")
_WRITTEN: Final = re.compile(
    rf"""(?ix){_NAMED_LIKE_ONE}["']?\s*[:=]\s*["']?
    (?!env:|file:|client\b|inject\b|sha256:)([^\s,}}\]"'].*?)(?=["']?\s*(?:[,}}\]\n\#]|$))"""
)
_USERINFO: Final = re.compile(r"://([^\s/@]+)@")


def masked_lines(text: str) -> list[str]:
    """The lines of `text` as YAML counts them, with whatever reads like a secret hidden and columns kept."""
    return [_mask(line) for line in _LINE_END.split(text)]


def mask_span(lines: list[str], start: tuple[int, int], end: tuple[int, int]) -> None:
    """Hides the characters from `start` to `end`, 0-based (line, column) pairs, in place."""
    for number in range(start[0], min(end[0] + 1, len(lines))):
        first = start[1] if number == start[0] else 0
        last = end[1] if number == end[0] else len(lines[number])
        lines[number] = _hide(lines[number], first, last)


def is_literal_secret(path: Sequence[str | int], value: Any) -> bool:
    """Whether `value` stands under a key for secrets without being a reference to one, or carries a user and password."""
    if not isinstance(value, str | int | float):
        return False
    if _KEY.search(str(path[-1])) or tuple(path[:2]) == _HEADERS:
        return not _NO_SECRET.fullmatch(str(value))
    return isinstance(value, str) and (_USERINFO.search(value) is not None or "password=" in value)


def _mask(line: str) -> str:
    spans = [(found.start, found.end) for found in find(line, ("secret",))]
    spans += [match.span(1) for pattern in (_WRITTEN, _USERINFO) for match in pattern.finditer(line)]
    for start, end in spans:
        line = _hide(line, start, end)
    return line


def _hide(line: str, start: int, end: int) -> str:
    return line[:start] + _HIDDEN * len(line[start:end]) + line[end:]
