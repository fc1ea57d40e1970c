"""What is read from RTP and RTCP packets (RFC 3550) that pass: headers and report blocks, never the sound."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct
from typing import Final

HEADER: Final = Struct("!BBHLL")
"""Flags, marker and payload type, sequence number, timestamp, SSRC."""

BLOCK: Final = Struct("!LLLLLL")
"""SSRC, fraction lost and total lost, highest sequence number, jitter, last SR, delay since last SR."""

SENDER_REPORT: Final = 200
RECEIVER_REPORT: Final = 201
BLOCKS_AT: Final = {SENDER_REPORT: 28, RECEIVER_REPORT: 8}


@dataclass(frozen=True, slots=True)
class Block:
    """What one end reports of a stream that it receives."""

    ssrc: int
    lost: int
    """Packets since the start; negative where copies arrived."""
    jitter: int
    """In ticks of the stream's clock."""
    last_report: int
    """The middle 32 bits of the NTP time of the last SR that the reporter saw, 0 = none yet."""
    delay: float
    """Seconds since the reporter saw that SR."""


@dataclass(frozen=True, slots=True)
class Report:
    """One SR or RR."""

    sent: int | None
    """Of an SR: the middle 32 bits of its NTP time."""
    blocks: tuple[Block, ...]


def bounds(packet: bytes) -> tuple[int, int]:
    """Where the payload of an RTP packet starts and ends; nowhere in a packet that lies about it."""
    flags = packet[0]
    start = 12 + 4 * (flags & 0x0F)
    if flags & 0x10:
        start += 4 + 4 * int.from_bytes(packet[start + 2 : start + 4])
    start = min(start, len(packet))
    return start, max(start, len(packet) - (packet[-1] if flags & 0x20 else 0))


def payload(packet: bytes) -> bytes:
    """The payload of an RTP packet, without contributing sources, header extension and padding; empty where the packet lies."""
    return packet[slice(*bounds(packet))]


def reports(packet: bytes) -> Iterator[Report]:
    """The SRs and RRs of a compound RTCP packet; it ends at the first part that is no RTCP."""
    start = 0
    while start + 8 <= len(packet) and packet[start] >> 6 == 2:
        end = start + 4 + 4 * int.from_bytes(packet[start + 2 : start + 4])
        kind = packet[start + 1]
        if kind in BLOCKS_AT and end <= len(packet):
            sent = int.from_bytes(packet[start + 10 : start + 14]) if kind == SENDER_REPORT else None
            yield Report(sent, tuple(_blocks(packet[start + BLOCKS_AT[kind] : end], packet[start] & 0x1F)))
        start = end


def _blocks(data: bytes, count: int) -> Iterator[Block]:
    for place in range(min(count, len(data) // BLOCK.size)):
        ssrc, losses, _, jitter, last, delay = BLOCK.unpack_from(data, place * BLOCK.size)
        lost = losses & 0xFFFFFF
        yield Block(ssrc, lost - (1 << 24) if lost >> 23 else lost, jitter, last, delay / 65536)
