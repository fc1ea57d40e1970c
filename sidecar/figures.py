"""What is known of the sound from one side: how much passed, how much was dropped and why, and what the other side reports of it."""

from __future__ import annotations

from collections import deque
from typing import Any
from typing import Final

from sidecar.rtp import Block
from sidecar.rtp import Report

MAX_STREAMS: Final = 4
"""SSRCs of a direction."""

SLACK_SECONDS: Final = 2.0
"""How far timestamps may run ahead of the clock on the wall before they count as a new beginning."""

KEPT_REPORTS: Final = 8
"""Sender reports whose time is remembered: a receiver names the last one it saw."""


class Stream:
    """One SSRC: the length of its sound by its timestamps, and what the receiver says of it."""

    __slots__ = ("arrival", "clock", "jitter", "lost", "shortest", "ticks", "timestamp")

    def __init__(self, clock: int, timestamp: int, arrival: float) -> None:
        self.clock = clock
        self.timestamp = timestamp
        self.arrival = arrival
        self.ticks = 0
        self.shortest = 0
        self.lost: int | None = None
        self.jitter: int | None = None

    def take(self, timestamp: int, arrival: float) -> None:
        """Counts the time from the last packet to this one, silence that was not sent included; late packets count nothing."""
        step = (timestamp - self.timestamp) & 0xFFFFFFFF
        if not 0 < step < 0x80000000:
            return
        if step <= (arrival - self.arrival + SLACK_SECONDS) * self.clock:
            self.ticks += step
            self.shortest = min(self.shortest, step) if self.shortest else step
        self.timestamp = timestamp
        self.arrival = arrival

    @property
    def seconds(self) -> float:
        """The last packet counts like the shortest one."""
        return (self.ticks + self.shortest) / self.clock


class Figures:
    """The sound from one side. Times are loop times in seconds."""

    def __init__(self) -> None:
        self.packets = 0
        self.bytes = 0
        self.first: float | None = None
        self.rtt: float | None = None
        """Seconds from here to this side and back."""
        self.streams: dict[int, Stream] = {}
        self.dropped = {"early": 0, "type": 0, "rate": 0, "ssrc": 0, "srtp": 0}
        self._sent: deque[tuple[int, float]] = deque(maxlen=KEPT_REPORTS)

    def passed(self, stream: Stream, size: int, timestamp: int, arrival: float) -> None:
        """One RTP packet of `size` bytes went on."""
        if self.first is None:
            self.first = arrival
        self.packets += 1
        self.bytes += size
        stream.take(timestamp, arrival)

    def reported(self, report: Report, other: Figures, arrival: float) -> None:
        """This side sent a report: of its own clock, and of the sound from the `other` side."""
        if report.sent is not None:
            self._sent.append((report.sent, arrival))
        for block in report.blocks:
            if block.ssrc in other.streams:
                other.judged(block)
                self._measure(block, other, arrival)

    def judged(self, block: Block) -> None:
        """The receiver says how a stream of this side arrives."""
        stream = self.streams[block.ssrc]
        stream.lost, stream.jitter = block.lost, block.jitter

    def _measure(self, block: Block, other: Figures, arrival: float) -> None:
        passed = next((at for mark, at in other._sent if mark == block.last_report), None)
        if block.last_report and passed is not None:
            self.rtt = max(0.0, arrival - passed - block.delay)

    def summary(self, began: float) -> dict[str, Any]:
        """{packets, bytes, seconds, lost, jitter_ms, rtt_ms, first_packet_ms (from `began` on), dropped}; None = not known yet.

        lost and jitter_ms are what the other end reports of this side's sound; rtt_ms is between here and this side.
        """
        streams = self.streams.values()
        lost = [stream.lost for stream in streams if stream.lost is not None]
        jitter = [stream.jitter / stream.clock for stream in streams if stream.jitter is not None]
        return {
            "packets": self.packets,
            "bytes": self.bytes,
            "seconds": round(sum(stream.seconds for stream in streams), 3),
            "lost": sum(lost) if lost else None,
            "jitter_ms": _ms(max(jitter)) if jitter else None,
            "rtt_ms": _ms(self.rtt),
            "first_packet_ms": _ms(self.first - began) if self.first is not None else None,
            "dropped": dict(self.dropped),
        }


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 1)
