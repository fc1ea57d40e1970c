"""What the provider was sent and has not answered yet, so that each confirmation and each error is known for whose it is.

Confirmations name no cause: they come in the order of what was sent. Errors carry the `event_id` of their cause, where it had one.
"""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field
from typing import Final
from typing import Literal

from realtime.gates.configuration import Asked

PREFIX: Final = "vt_gate_"
"""What the event ids of our own messages begin with."""
_MOST: Final = 64

Kind = Literal["update", "commit", "create", "delete", "cancel"]


@dataclass(frozen=True, slots=True)
class Sent:
    """One message. `payload` is that of a request for an answer, `asked` what a configuration said, `at` when it was sent."""

    kind: Kind
    event_id: str | None
    at: float
    payload: bytes = b""
    asked: Asked = field(default_factory=Asked)

    @property
    def ours(self) -> bool:
        return is_ours(self.event_id)


def is_ours(event_id: str | None) -> bool:
    """Whether this is the id of a message of our own."""
    return event_id is not None and event_id.startswith(PREFIX)


class Outstanding:
    """In the order in which they were sent; the oldest are forgotten beyond a bound."""

    def __init__(self) -> None:
        self._sent: list[Sent] = []
        self._number = 0

    def name(self, what: str) -> str:
        """A new event id for a message of our own."""
        self._number += 1
        return f"{PREFIX}{what}_{self._number}"

    def add(self, sent: Sent) -> None:
        self._sent.append(sent)
        del self._sent[:-_MOST]

    def answered(self, kind: Kind) -> Sent | None:
        """The first of this kind was confirmed."""
        return self._take(next((sent for sent in self._sent if sent.kind == kind), None))

    def failed(self, event_id: str | None) -> Sent | None:
        """An error names this message as its cause; None stands for one that had no id."""
        return self._take(next((sent for sent in self._sent if sent.event_id == event_id), None))

    def withdrawn(self, kind: Kind) -> None:
        """The newest of this kind was never sent."""
        self._take(next((sent for sent in reversed(self._sent) if sent.kind == kind and not sent.ours), None))

    def of(self, kind: Kind) -> list[Sent]:
        """Those of this kind, the oldest first."""
        return [sent for sent in self._sent if sent.kind == kind]

    def _take(self, sent: Sent | None) -> Sent | None:
        if sent is not None:
            self._sent.remove(sent)
        return sent
