"""Whether a message meets the `when` of a policy, and which characters of it do: pure, linear in the size of the message.

All tests of a condition must hold; those on values must hold together for at least one value.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field
from fnmatch import fnmatchcase
from typing import Any
from typing import NamedTuple

from realtime.detectors import Detector
from realtime.detectors import members
from realtime.detectors.sieve import Seeker
from realtime.jsonpath import Path
from realtime.regex import Regex

Scalar = tuple[bool, Any]


def scalar(value: Any) -> Scalar:
    """A JSON scalar in a form in which `true` differs from 1; usable in sets."""
    return isinstance(value, bool), value


class Span(NamedTuple):
    """Characters of a text that were found, and by which detector; "" for a regular expression."""

    start: int
    end: int
    detector: str


Detect = Callable[[Detector, str], tuple[Span, ...]]
"""What a detector finds in a text."""
Search = Callable[[Regex, str], tuple[Span, ...]]
"""What a pattern finds in a text."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A compiled `when`; None and () stand for tests that are not made.

    `from_client` is the direction, `events` globs of event types. Looked at are the values `at` a path, or the words of the
    kinds in `texts`, or else all strings of the message. `over` and `under` are exclusive bounds in bytes: of such a value
    where `at` or `texts` names them, else of the message.
    """

    from_client: bool | None = None
    events: tuple[str, ...] = ()
    at: Path | None = None
    texts: frozenset[str] | None = None
    regex: Regex | None = None
    detect: tuple[str | Detector, ...] = ()
    one_of: frozenset[Scalar] | None = None
    none_of: frozenset[Scalar] | None = None
    over: int | None = None
    under: int | None = None
    looks_for_words: bool = field(init=False)
    """Whether it reads what is said, also where a text comes in pieces."""
    looks_at_values: bool = field(init=False)
    """Whether it needs to read the message, not just to weigh it."""
    detectors: tuple[Detector, ...] = field(init=False)
    """Each of `detect`, the members of a group one by one."""
    seekers: frozenset[Seeker] = field(init=False)
    """What has to find something in the words of a message; empty where the values at a path count, or all of them."""

    def concerns(self, from_client: bool, event_type: str) -> bool:
        """Whether messages of this direction and type can meet it."""
        if self.from_client not in (None, from_client):
            return False
        return not self.events or any(fnmatchcase(event_type, glob) for glob in self.events)

    def reads(self, kind: str) -> bool:
        """Whether it reads texts of this kind as they come."""
        return self.looks_for_words and (self.texts is None or kind in self.texts)

    def __post_init__(self) -> None:
        words = self.at is None and (self.texts is not None or self.regex is not None or bool(self.detect))
        object.__setattr__(self, "looks_for_words", words)
        object.__setattr__(self, "looks_at_values", words or self.at is not None)
        object.__setattr__(self, "detectors", tuple(member for name in self.detect for member in members(name)))
        seekers = {*self.detectors, *([self.regex] if self.regex is not None else [])}
        object.__setattr__(self, "seekers", frozenset(seekers) if self.at is None else frozenset())

    def weighs(self, size: int) -> bool:
        """Whether a message of so many bytes meets it, as far as its size is tested."""
        return not self._bounded or self.at is not None or self.texts is not None or self._fits(size)

    def spans(self, value: Any, search: Search, detect: Detect) -> tuple[Span, ...] | None:
        """What of a value meets the tests: the characters found, () for all of it; None where it does not meet them."""
        if (self.one_of is not None and not _listed(value, self.one_of)) or (self.none_of is not None and _listed(value, self.none_of)):
            return None
        if (self.at is not None or self.texts is not None) and self._bounded and not self._fits(_size(value)):
            return None
        if self.regex is None and not self.detect:
            return ()
        return self._found(value, search, detect) if isinstance(value, str) else None

    def _found(self, text: str, search: Search, detect: Detect) -> tuple[Span, ...] | None:
        matched = search(self.regex, text) if self.regex is not None else ()
        if self.regex is not None and not matched:
            return None
        detected = tuple(span for detector in self.detectors for span in detect(detector, text))
        return None if self.detect and not detected else (*matched, *detected)

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
