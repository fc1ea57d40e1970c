"""Keys made on the command line, as a running proxy sees them: a key is good the moment it was made, and not once it is revoked."""

from __future__ import annotations

from pathlib import Path

from rules.access import Key
from store.state import State


class Keyring:
    """The keys of one data folder. Raises OSError or StoreError when they cannot be read."""

    def __init__(self, data: Path) -> None:
        self._state = State(data)
        self._keys: tuple[Key, ...] = ()
        self._read = -1
        """The change of the table that they were read after; other tables of the file change far more often."""

    def keys(self) -> tuple[Key, ...]:
        """All of them, revoked ones too. Looks at the file each time, reads it only where it grew."""
        self._state.refresh()
        changed = self._state.storage.tables.changed.get("keys", 0)
        if changed != self._read:
            self._read = changed
            self._keys = tuple(Key.model_validate(dict(document)) for document in self._state.keys.all())
        return self._keys

    def usable(self) -> list[str]:
        """The ids of those that are not revoked."""
        return [key.id for key in self.keys() if not key.revoked]
