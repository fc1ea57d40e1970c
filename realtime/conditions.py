"""Whether a message meets the `when` of a policy: a pure function of the message, linear in its size.

All tests of a condition must hold; those on values must hold together for at least one value.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from realtime.detectors import Detector
from realtime.detectors import find
from realtime.jsonpath import Path
from realtime.jsonpath import descend
from realtime.jsonpath import read
from realtime.regex import Regex

Scalar = tuple[bool, Any]


def scalar(value: Any) -> Scalar:
    """A JSON scalar in a form in which `true` differs from 1; usable in sets."""
    return isinstance(value, bool), value


@dataclass(frozen=True, slots=True)
class Condition:
    """A compiled `when`; None and () stand for tests that are not made.

    `from_client` is the direction, `events` globs of event types, `at` the values looked at (all strings of the
    message where absent), `over` and `under` exclusive bounds in bytes: of the value with `at`, else of the message.
    """

    from_client: bool | None = None
    events: tuple[str, ...] = ()
    at: Path | None = None
    regex: Regex | None = None
    detect: tuple[str | Detector, ...] = ()
    one_of: frozenset[Scalar] | None = None
    none_of: frozenset[Scalar] | None = None
    over: int | None = None
    under: int | None = None

    def matches(self, from_client: bool, event_type: str, event: Any, size: int) -> bool:
        """`event` is the message's JSON or None where it has none; `size` counts the bytes of the message."""
        if self.from_client not in (None, from_client):
            return False
        if self.events and not any(fnmatchcase(event_type, glob) for glob in self.events):
            return False
        if self.at is None and not self._fits(size):
            return False
        return not self._looks_at_values or any(self._holds(value) for value in self._values(event))

    @property
    def _looks_at_values(self) -> bool:
        return self.at is not None or self.regex is not None or bool(self.detect)

    def _values(self, event: Any) -> Iterable[Any]:
        if self.at is not None:
            return read(self.at, event)
        return (value for value in descend(event) if isinstance(value, str))

    def _holds(self, value: Any) -> bool:
        return (
            (self.regex is None or (isinstance(value, str) and self.regex.search(value)))
            and (not self.detect or (isinstance(value, str) and any(find(value, self.detect))))
            and (self.one_of is None or _listed(value, self.one_of))
            and (self.none_of is None or not _listed(value, self.none_of))
            and (self.at is None or not self._bounded or self._fits(_size(value)))
        )

    @property
    def _bounded(self) -> bool:
        return self.over is not None or self.under is not None

    def _fits(self, size: int) -> bool:
        return (self.over is None or size > self.over) and (self.under is None or size < self.under)


def _listed(value: Any, listed: frozenset[Scalar]) -> bool:
    return not isinstance(value, dict | list) and scalar(value) in listed


def _size(value: Any) -> int:
    """Bytes of a string in UTF-8, of anything else in compact JSON."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return len(text.encode("utf-8", "surrogatepass"))
