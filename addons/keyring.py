"""Keys made on the command line, as a running proxy sees them: looked at again at most twice a second."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from rules.access import Key
from store.state import State

_FRESH_SECONDS: Final = 0.5


class Keyring:
    """The keys of one data folder. Raises OSError or StoreError when they cannot be read."""

    def __init__(self, data: Path) -> None:
        self._state = State(data)
        self._read_at = 0.0
        self._keys: tuple[Key, ...] = ()

    def keys(self) -> tuple[Key, ...]:
        """All of them, revoked ones too."""
        now = time.monotonic()
        if now - self._read_at >= _FRESH_SECONDS or not self._read_at:
            self._read_at = now
            self._state.refresh()
            self._keys = tuple(Key.model_validate(dict(document)) for document in self._state.keys.all())
        return self._keys

    def usable(self) -> list[str]:
        """The ids of those that are not revoked."""
        return [key.id for key in self.keys() if not key.revoked]
