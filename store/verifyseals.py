"""Tells of a file without any seal whether there must have been one: its first line says how often it was to be sealed, and each
record when it was written.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

import msgspec

from store.chain import BEGINNING
from store.chain import beginning_of
from store.verifyfile import Bad

_AT: Final = re.compile(rb'\{"table":"[^"]*","at":"([^"]{1,40})"')
_ENOUGH: Final = 4
"""Intervals after which there is a seal, also where a crash and a new start came between."""


class Unsealed:
    """Shown every line of a file, it knows how long that was written to. Times in which nothing was written count as one interval."""

    def __init__(self) -> None:
        self.every: float | None = None
        """Seconds; None for files that do not say it."""
        self.seconds = 0.0
        self._last: datetime | None = None

    def line(self, data: bytes) -> None:
        """The next line, without its end."""
        if data.startswith(BEGINNING):
            self._begin(data)
        elif self.every is not None and (found := _AT.match(data)) is not None:
            self._written(found[1].decode("ascii", "replace"), self.every)

    def bad(self, *, closed: bool) -> Bad | None:
        """What is wrong where the file has no seal; `closed` says that whoever wrote it ended properly."""
        if self.every is None:
            return None
        if self.seconds > _ENOUGH * self.every:
            why = f"it was written to for {self.seconds:.0f} s or more and is sealed every {self.every:g} s"
        elif closed:
            why = "the proxy that wrote it ended properly, and seals it then"
        else:
            return None
        return Bad(1, f"its seals are missing: {why}; they were removed, or never could be written")

    def warning(self) -> str | None:
        """What may be wrong where it has none."""
        if self.every is None:
            return None
        return f"no seals: the first is made within {self.every:g} s, or when the proxy stops; where that is past, they were removed"

    def _begin(self, data: bytes) -> None:
        try:
            self.every = beginning_of(data).sealed
        except msgspec.DecodeError:
            self.every = None

    def _written(self, text: str, every: float) -> None:
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            return
        if self._last is not None:
            self.seconds += min(max((at - self._last).total_seconds(), 0.0), every)
        self._last = at
