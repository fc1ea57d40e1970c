"""What a session tells whoever gathers its sound."""

from __future__ import annotations

from typing import Protocol

from realtime.policies.trace import Trace
from realtime.signals import Signal


class Hearing(Protocol):
    """Gathers the sound of one session."""

    def __call__(self, signal: Signal, at: float) -> None:
        """A signal, and the monotonic time of its message, after the session has taken it in."""

    def silence(self, trace: Trace) -> None:
        """Words did not cross as they were said; the message they came in is taken in later."""
