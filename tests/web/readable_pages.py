"""Pages that take too long, or are large, in a module that any process can import."""

from __future__ import annotations

import time
from pathlib import Path

from store.reader import LogReader
from web.body import Body


def asleep(log: LogReader, mark: Path) -> None:
    """Says that it has begun, and takes its time."""
    mark.touch()
    time.sleep(60)


def body_of(log: LogReader, pieces: list[bytes]) -> Body:
    """A large page."""
    return Body.of(pieces)
