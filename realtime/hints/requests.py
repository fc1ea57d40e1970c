"""A second answer asked for while one is being given in the same conversation.

A request can cross the end of the answer on its way, which is no mistake. It is one where the provider says so, or where the answer
went on for longer than a message travels and was completed.
"""

from __future__ import annotations

from typing import Final

from realtime.hints.hint import Hint
from realtime.signals import ProviderError
from realtime.signals import ResponseFinished
from realtime.signals import ResponseRequested
from realtime.signals import ResponseStarted
from realtime.signals import Signal

TRAVEL: Final = 1.0
"""Seconds after which an answer that still goes on was not over when the request reached the provider."""
REFUSED: Final = "conversation_already_has_active_response"
"""What OpenAI answers; an error code."""

_HINT: Final = Hint(
    "double_response",
    "response.create was sent while an answer was being given in the same conversation",
    'Wait for response.done, cancel the answer first, or ask outside the conversation with conversation "none".',
)


class Requests:
    """Of one session. At most one answer of the conversation is active."""

    __slots__ = ("_active", "_asked")

    def __init__(self) -> None:
        self._active: str | None = None
        """The id of the answer, "" for one without; None while there is none, or none that goes on."""
        self._asked: float | None = None
        """When another one was asked for."""

    def cancelled(self) -> None:
        """The client breaks the answer off."""
        self._active = self._asked = None

    def see(self, signal: Signal, at: float) -> Hint | None:
        """A hint where this signal makes it certain."""
        if isinstance(signal, ResponseStarted):
            if not signal.out_of_band:
                self._active, self._asked = signal.response_id or "", None
        elif isinstance(signal, ResponseRequested):
            if not signal.out_of_band and self._active is not None and self._asked is None:
                self._asked = at
        elif isinstance(signal, ResponseFinished):
            return self._finished(signal, at)
        elif isinstance(signal, ProviderError) and signal.code == REFUSED:
            return _HINT
        return None

    def _finished(self, signal: ResponseFinished, at: float) -> Hint | None:
        if self._active is None or (signal.response_id or "") != self._active:
            return None
        asked, self._active, self._asked = self._asked, None, None
        return _HINT if asked is not None and signal.status == "completed" and at - asked >= TRAVEL else None
