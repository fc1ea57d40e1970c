"""A conversation for tests of turns: `talk.client >> signal`, `talk.upstream << signal`, a tenth of a second apart."""

from __future__ import annotations

from typing import Any

from realtime.signals import Signal
from realtime.turn import Turn
from realtime.turns import TurnTracker

STEP = 0.1


class Talk:
    """A tracker, a clock that starts at 0, and the newest record of every turn by its index."""

    def __init__(self, **options: Any) -> None:
        self.tracker = TurnTracker("s1", **options)
        self.now = 0.0
        self.records: dict[int, dict[str, Any]] = {}
        self.turns: dict[int, Turn] = {}
        self.client = self.upstream = self

    def __rshift__(self, signal: Signal) -> Talk:
        return self._apply(signal, from_client=True)

    def __lshift__(self, signal: Signal) -> Talk:
        return self._apply(signal, from_client=False)

    def _apply(self, signal: Signal, *, from_client: bool) -> Talk:
        self.tracker.apply(signal, from_client=from_client, at=self.now)
        self.now = round(self.now + STEP, 3)
        return self

    def close(self, reason: str = "client_closed") -> Talk:
        self.tracker.close(reason, self.now)
        return self

    def changed(self) -> list[dict[str, Any]]:
        """The records that changed since the last look."""
        turns = self.tracker.changed()
        fresh = {turn.index: turn.record(content=True) for turn in turns}
        self.records.update(fresh)
        self.turns.update((turn.index, turn) for turn in turns)
        return list(fresh.values())

    def all(self) -> list[dict[str, Any]]:
        """The newest record of every turn so far."""
        self.changed()
        return [self.records[index] for index in sorted(self.records)]

    def only(self) -> dict[str, Any]:
        """The record of the one turn there was."""
        (record,) = self.all()
        return record
