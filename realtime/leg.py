"""One side of a tunnel: its reader, what is to be sent to it, its close handshake; and how a session ended."""

from __future__ import annotations

import os
from collections import deque
from dataclasses import dataclass
from typing import Final
from typing import Literal

from realtime.frame import Frame
from realtime.framing import CLOSE
from realtime.framing import Close
from realtime.framing import FrameReader
from realtime.framing import encode
from realtime.framing import encode_close

Side = Literal["client", "upstream", "proxy"]

LINGER: Final = 2.0
"""Seconds that a peer has to answer a Close."""


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a session ended: the first cause, not what followed from it. 1006 when a side vanished without a Close."""

    code: int
    reason: str
    side: Side
    cause: str = ""
    """What the proxy ended it for, in a word: a `limit`, a `budget`, a `revocation`, a `kill`. Empty where nobody has to be told."""


@dataclass(slots=True)
class Held:
    """A message that waits: for its own verdict, or (`settled`) for one before it; `payload` is what `wire` has in it.

    An empty `wire` is that of a message which is not to be sent. `asked` is its owner's to use, `ticket` that of its verdict.
    """

    frame: Frame
    wire: bytes
    payload: bytes
    settled: bool
    asked: bool = False
    ticket: object | None = None


class Leg:
    """One side of the tunnel: what it sent, what is to be sent to it, and how far its close handshake is."""

    __slots__ = ("closed", "closing", "deadline", "gone", "heard", "held", "held_bytes", "name", "out", "pinged", "reader")

    def __init__(self, name: Literal["client", "upstream"], limit: int, now: float) -> None:
        self.name = name
        self.reader = FrameReader(masked=name == "client", limit=limit)
        self.out: list[bytes] = []
        self.held: deque[Held] = deque()
        """Messages *from* this leg that wait for a verdict, and those behind them."""
        self.held_bytes = 0
        self.heard = now
        self.pinged = now
        self.closing: Close | None = None
        """The Close that was sent to this leg."""
        self.closed: Close | None = None
        """The Close that this leg sent."""
        self.gone = False
        """Its connection ended, in one way or another."""
        self.deadline: float | None = None

    def send(self, opcode: int, payload: bytes) -> None:
        """Queue a frame of our own, masked afresh towards the upstream; nothing follows a Close."""
        if self.closing is None and not self.gone:
            self.out.append(encode(opcode, payload, os.urandom(4) if self.name == "upstream" else b""))

    def send_close(self, close: Close, now: float) -> None:
        if self.closing is None:
            self.send(CLOSE, encode_close(close))
            self.closing = close
            self.deadline = now + LINGER

    @property
    def done(self) -> bool:
        """True when its connection may be shut: gone, or both Close frames are exchanged."""
        return self.gone or (self.closing is not None and self.closed is not None)
