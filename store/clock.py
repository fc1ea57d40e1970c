"""Moments as the log writes them: UTC, ISO 8601 with milliseconds and `Z`, so that text order is time order."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from datetime import datetime

Clock = Callable[[], datetime]
"""Gives the present as an aware time."""


def utc_now() -> datetime:
    """The time of the wall clock, aware."""
    return datetime.now(UTC)


def stamp(moment: datetime) -> str:
    """The text of an aware time, as `2026-11-21T09:30:00.000Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
