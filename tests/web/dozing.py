"""A page that takes too long, in a module that any process can import."""

from __future__ import annotations

import time
from pathlib import Path

from store.reader import LogReader


def asleep(log: LogReader, mark: Path) -> None:
    """Says that it has begun, and takes its time."""
    mark.touch()
    time.sleep(60)
