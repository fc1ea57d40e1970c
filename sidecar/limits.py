"""What a worker and a call may take, and the refusals that follow. Times in seconds, sizes in bytes."""

from __future__ import annotations

from typing import Final

ANSWER_SECONDS: Final = 30.0
"""From the offer to the provider's answer: longer than its HTTP answer takes."""

PENDING_CALLS: Final = 50
"""Calls that are being set up at one time."""

BUSY_LAG: Final = 0.05
"""Delay of the event loop, median of a second, above which new calls are refused: audio of the others would stutter."""

WAITING_MESSAGES: Final = 1000
WAITING_BYTES: Final = 1 << 20
"""What one direction of events may hold back."""

MESSAGE_BYTES: Final = 1 << 20
"""The longest message read from the proxy; a data channel takes less (its max-message-size)."""

BUFFERED_BYTES: Final = 1 << 20
"""What a data channel may hold unsent before the reading of events for it pauses."""

DELIVERY_SECONDS: Final = 1.0
"""How long the end of a call waits for messages that are under way."""

PASSAGE_SECONDS: Final = 0.5
"""What an event takes at most from one side through the proxy to the other, where nothing says that it arrived."""

OPEN_SECONDS: Final = 10.0
"""To open the events WebSocket, in which time the proxy dials this worker."""

GOODBYE_SECONDS: Final = 1.0
"""For a leg to come up when the call is over before it is, so that its other end need not find out by itself."""

RECORDING_SECONDS: Final = 2.0
"""For the last sound of a call to reach the disk."""

EXIT_SECONDS: Final = 5.0
"""From the request to end to the end of the process."""

ORPHAN_SECONDS: Final = 2.0
"""The same for a worker whose proxy is gone."""

BODY_BYTES: Final = 256 << 10
"""A request of the control API: a description of at most 64 KiB, escaped."""

CLOSED_PER_COLLECTION: Final = 20
"""A closed call stays in reference cycles; they are collected after this many."""


class Refused(Exception):
    """A request that is refused: HTTP `status`, a stable `code`, and what was seen and is allowed."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
