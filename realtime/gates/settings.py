"""What a route asks of the gates, as a session keeps it from its beginning, and the bounds of their waiting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from realtime.policies import Window

HOLD_DIALECTS: Final = frozenset({"openai", "gemini", "elevenlabs"})
"""Protocols in which sound belongs to an answer that ends, and comes with its words."""
GATE_DIALECTS: Final = frozenset({"openai"})
"""Protocols in which a provider can be kept from answering by itself, and says what it understood of the user."""


@dataclass(frozen=True, slots=True)
class Gates:
    """The gates of one session.

    `hold`: sound of answers waits for its words. `gate`: answers wait for what the user said. `transcriber` is the model that
    is to write that down where the app names none. With `beside` the session looks on a call whose own session does the asking.
    """

    hold: bool = False
    gate: bool = False
    transcriber: str | None = None
    beside: bool = False

    def __bool__(self) -> bool:
        return self.hold or self.gate

    def fit(self, dialect: str) -> bool:
        """Whether this protocol can carry them."""
        return not (self.hold and dialect not in HOLD_DIALECTS) and not (self.gate and dialect not in GATE_DIALECTS)


NONE: Final = Gates()


_WINDOW: Final = Window()


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long the gates wait, in seconds, and how much, in bytes of messages.

    `window` is how much of the words must have come behind a piece of them, or how long ago it came, before it counts as checked:
    what policies look at is never cut off by it. `sound` is longer than they hold words, in any case.
    """

    sound: float = 15.0
    bytes: int = 8 << 20
    words: float = 10.0
    messages: int = 64
    message_bytes: int = 1 << 20
    window: Window = _WINDOW


BOUNDS: Final = Bounds()
