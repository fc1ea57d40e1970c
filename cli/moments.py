"""A moment as people write it on the command line: a time, or how long ago."""

from __future__ import annotations

from datetime import datetime

from cli.errors import Failure
from store import filters
from store.filters import BadFilter


def moment_of(name: str, text: str, now: datetime) -> datetime:
    """As `store.filters.moment_of`. Raises Failure VT105."""
    try:
        return filters.moment_of(name, text, now)
    except BadFilter as error:
        raise Failure("VT105", str(error), error.hint) from None
