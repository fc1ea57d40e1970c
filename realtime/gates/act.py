"""What the input gate wants done after it saw a message, or after some time."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field
from typing import Literal
from typing import NamedTuple

from realtime.framing import Close


class Note(NamedTuple):
    """A decision for the record: `item` is what the user said that it is about."""

    action: Literal["block", "release", "cancel"]
    item: str | None
    code: str
    reason: str


@dataclass(slots=True)
class Act:
    """First what becomes of the message, then what is said besides.

    `drop` it, with `hidden` only the app does not see it, or go on with `payload`. `upstream` and `client` are messages of our
    own, `replay` those of the app that had to wait. `close` ends the session.
    """

    drop: bool = False
    hidden: bool = False
    payload: bytes | None = None
    upstream: list[bytes] = field(default_factory=list)
    client: list[bytes] = field(default_factory=list)
    replay: list[bytes] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    close: Close | None = None

    def hide(self) -> None:
        """The app does not see this message."""
        self.drop = self.hidden = True
