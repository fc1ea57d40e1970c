"""A dictionary that keeps only its newest entries, so that what a peer names can never fill the memory."""

from __future__ import annotations

from collections import OrderedDict


class Recent[K, V](OrderedDict[K, V]):
    """Holds at most `limit` entries; a new one beyond that pushes the oldest out, which `__setitem__` forgets silently.

    `add` does the same and returns the values that were pushed out. Setting a key again makes it the newest.
    """

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.limit = limit

    def __setitem__(self, key: K, value: V) -> None:
        self.add(key, value)

    def add(self, key: K, value: V) -> list[V]:
        """Store `value` as the newest entry; returns what had to go."""
        super().__setitem__(key, value)
        self.move_to_end(key)
        return [self.popitem(last=False)[1] for _ in range(len(self) - self.limit)]
