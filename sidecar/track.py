"""One side of a call as RTP brings it, put into the order and to the time at which it was sent.

Packets that come in another order are sorted, late ones and copies are left out, and what is missing (pauses, loss) is filled
with packets that tell a decoder to conceal, so that the sound keeps its time in every player.
"""

from __future__ import annotations

from typing import Final
from typing import NamedTuple

from sidecar.ogg import RATE
from sidecar.ogg import OggOpus
from sidecar.ogg import frame_of
from sidecar.ogg import missing
from sidecar.ogg import samples_of

_HELD: Final = 8
"""Packets that wait for one before them."""
_LATE: Final = 16
"""After so many late packets in a row the numbering began anew."""
_STRAY: Final = 2 * RATE
"""Timestamps that differ from the clock by more began anew."""


class Packet(NamedTuple):
    """An Opus packet: RTP `sequence` and `timestamp` as sent, `arrival` in monotonic seconds."""

    payload: bytes
    timestamp: int
    sequence: int
    arrival: float


class Track:
    """Feeds `ogg`, which is not to grow beyond `limit` bytes: what comes after that is left out and `truncated` set."""

    def __init__(self, ogg: OggOpus, limit: int) -> None:
        self.truncated = False
        self._ogg = ogg
        self._limit = limit
        self._held: dict[int, Packet] = {}
        self._next: int | None = None
        self._late = 0
        self._began = 0.0
        self._base: int | None = None
        """The timestamp at which the recording began."""

    def add(self, packet: Packet) -> None:
        """The next packet that arrived; one that is no Opus is left out."""
        if not samples_of(packet.payload):
            return
        if self._next is None:
            self._next = packet.sequence
        number = self._next + _signed(packet.sequence - self._next, 16)
        if number < self._next:
            self._late += 1
            if self._late < _LATE:
                return
            self.close()
            number = self._next = packet.sequence
        self._late = 0
        self._held[number] = packet
        while self._held and (self._next in self._held or len(self._held) > _HELD):
            self._take(min(self._held))

    def close(self) -> None:
        """Take what still waits."""
        while self._held:
            self._take(min(self._held))

    def _take(self, number: int) -> None:
        packet = self._held.pop(number)
        self._next = number + 1
        position = self._position(packet)
        if position + samples_of(packet.payload) <= self._ogg.samples:
            return
        gap = (position - self._ogg.samples) // frame_of(packet.payload)
        for payload in (*(missing(packet.payload),) * gap, packet.payload):
            if self._ogg.size_with(payload) > self._limit:
                self.truncated = True
                return
            self._ogg.add(payload)

    def _position(self, packet: Packet) -> int:
        """Where a packet belongs, in samples since the first one."""
        if self._base is None:
            self._base, self._began = packet.timestamp, packet.arrival
        position = self._ogg.samples + _signed(packet.timestamp - self._base - self._ogg.samples, 32)
        by_clock = round((packet.arrival - self._began) * RATE)
        if abs(position - by_clock) > _STRAY:
            position = max(by_clock, self._ogg.samples)
            self._base = packet.timestamp - position
        return position


def _signed(difference: int, bits: int) -> int:
    """The shorter way from one number to another where numbers start again after so many bits."""
    half = 1 << (bits - 1)
    return (difference + half) % (1 << bits) - half
