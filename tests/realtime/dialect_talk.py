"""Events to signals in one line, for tests that read as conversations."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from realtime.dialects import make
from realtime.frame import Frame
from realtime.signals import Signal


class Talk:
    """`client(event)` and `server(event)` give the signals of one message; keywords are the event's own fields."""

    def __init__(self, name: str) -> None:
        self.dialect = make(name)

    def client(self, kind: str | None = None, /, **event: Any) -> Sequence[Signal]:
        return self._signals(True, kind, event)

    def server(self, kind: str | None = None, /, **event: Any) -> Sequence[Signal]:
        return self._signals(False, kind, event)

    def _signals(self, from_client: bool, kind: str | None, event: dict[str, Any]) -> Sequence[Signal]:
        payload = json.dumps(event if kind is None else {"type": kind, **event}).encode()
        return self.dialect.signals(Frame(from_client, payload))
