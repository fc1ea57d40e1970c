"""Conditions on records as people write them: `key=kiosk* status=failed since=2h refund`. One grammar for commands and pages.

A word `name=value` is a condition, whose value is a glob; `since` and `until` are times. Other words are text to look for.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from typing import Final

SESSION: Final[Mapping[str, str]] = {
    "key": "principal",
    "provider": "provider",
    "model": "model",
    "route": "route",
    "session": "id",
    "transport": "transport",
    "door": "door",
    "grouping": "grouping",
    "status": "status",
}
"""What can be asked of a session, and the field of its record."""

FINDING: Final[Mapping[str, str]] = {
    "key": "principal",
    "provider": "provider",
    "model": "model",
    "route": "route",
    "session": "session",
    "kind": "kind",
    "policy": "policy",
    "severity": "severity",
    "action": "action",
    "mode": "mode",
}
"""The same of a finding, apart from its time."""

MESSAGE: Final[Mapping[str, str]] = {
    "type": "type",
    "from": "from",
    "key": "principal",
    "provider": "provider",
    "model": "model",
    "route": "route",
    "session": "id",
}
"""The same of a message that is about to cross: its own type and side, and its session."""

BOUNDS: Final = ("since", "until")


class BadFilter(ValueError):
    """Words that are no condition; `hint` is what to write."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Filter:
    """All must hold: globs by field, a time from `since` and before `until`, and `text` somewhere in the record."""

    globs: Mapping[str, str] = field(default_factory=dict)
    since: datetime | None = None
    until: datetime | None = None
    text: str | None = None


EVERYTHING: Final = Filter()


def parsed(line: str, known: Mapping[str, str], now: datetime) -> Filter:
    """A filter as one line, in which quotes keep words together. Raises BadFilter."""
    try:
        words = shlex.split(line)
    except ValueError:
        raise BadFilter(f"{line[:80]!r} has an open quote", "close it") from None
    return of_words(words, known, now)


def of_words(words: Sequence[str], known: Mapping[str, str], now: datetime) -> Filter:
    """A filter as words that a shell has split already. Raises BadFilter."""
    named = [word for word in words if is_condition(word)]
    times = {name: moment_of(name, value, now) for name, _, value in map(_split, named) if name in BOUNDS}
    globs = conditions((word for word in named if _split(word)[0] not in BOUNDS), known)
    text = " ".join(word for word in words if not is_condition(word))
    return Filter(globs, times.get("since"), times.get("until"), text or None)


def is_condition(word: str) -> bool:
    """Whether a word says `name=value`; all others are text to look for."""
    name, equals, _ = _split(word)
    return bool(equals) and name.isidentifier()


def conditions(given: Iterable[str], known: Mapping[str, str]) -> dict[str, str]:
    """Globs by field, of words `name=value`. Raises BadFilter for a name that is not known."""
    made = {}
    for word in given:
        name, equals, value = _split(word)
        if not equals or name not in known:
            raise BadFilter(f"{word!r} is no condition", f"write name=value with one of {', '.join(known)}; * and ? fit anything")
        made[known[name]] = value
    return made


def moment_of(name: str, text: str, now: datetime) -> datetime:
    """`2027-01-31`, `2027-01-31T18:00:00Z` (local time without a zone), or `90m`, which is so long before `now`. Raises BadFilter."""
    # Most who filter name no time, and these take as long to load as all the rest of a process that reads the log.
    from pydantic_core import PydanticCustomError

    from rules.units import parse_duration

    try:
        return now - timedelta(seconds=parse_duration(text))
    except (PydanticCustomError, OverflowError):
        pass
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadFilter(f"{name}={text!r} is no time", "write 2027-01-31T18:00:00Z, 2027-01-31 or how long ago: 90m, 2d") from None


def _split(word: str) -> tuple[str, str, str]:
    return word.partition("=")
