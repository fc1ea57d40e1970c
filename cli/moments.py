"""A moment as people write it on the command line: a time, or how long ago."""

from __future__ import annotations

from datetime import UTC
from datetime import datetime
from datetime import timedelta

from pydantic_core import PydanticCustomError

from cli.errors import Failure
from rules.units import parse_duration


def moment_of(name: str, text: str, now: datetime) -> datetime:
    """`2027-01-31`, `2027-01-31T18:00:00Z` (local time without a zone), or `90m`, which is so long before `now`. Raises Failure VT105."""
    try:
        return now - timedelta(seconds=parse_duration(text))
    except (PydanticCustomError, OverflowError):
        pass
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Failure("VT105", f"{name}={text!r} is no time", "write 2027-01-31T18:00:00Z, 2027-01-31 or how long ago: 90m, 2d") from None
