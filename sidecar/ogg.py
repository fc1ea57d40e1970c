"""Opus packets as an Ogg stream (RFC 3533, RFC 7845): packets go in as they are, nothing is decoded or encoded."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from typing import Final

RATE: Final = 48_000
"""Samples a second of Opus in Ogg and in RTP, whatever was encoded."""
MOST_SAMPLES: Final = 5_760
"""The longest packet: 120 ms."""

_PAGE_PACKETS: Final = 50
_PAGE_SEGMENTS: Final = 200
_LONGEST_PACKET: Final = 12_000
_HEADER: Final = struct.Struct("<4sBBqIIIB")
_FIRST, _LAST = 0x02, 0x04
_FRAMES: Final = (*(480, 960, 1920, 2880) * 3, *(480, 960) * 2, *(120, 240, 480, 960) * 4)
"""Samples of a frame by the first five bits of a packet (RFC 6716, table 2)."""
_MIRRORED: Final = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def samples_of(packet: bytes) -> int:
    """The duration of a packet in samples; 0 where it is none."""
    if not packet or len(packet) > _LONGEST_PACKET:
        return 0
    code = packet[0] & 3
    count = 1 if code == 0 else 2 if code < 3 else packet[1] & 0x3F if len(packet) > 1 else 0
    samples = frame_of(packet) * count
    return samples if samples <= MOST_SAMPLES else 0


def frame_of(packet: bytes) -> int:
    """The duration of one frame of a packet in samples."""
    return _FRAMES[packet[0] >> 3]


def missing(packet: bytes) -> bytes:
    """A packet that stands for one lost frame next to `packet`: decoders conceal it (RFC 7845, section 4.1)."""
    return bytes((packet[0] & 0xFC,))


def checksum(page: bytes) -> int:
    """Ogg's CRC-32: the usual polynomial with the bits of every byte in the other order, beginning with 0."""
    usual = zlib.crc32(page.translate(_MIRRORED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int.from_bytes(usual.to_bytes(4, "big").translate(_MIRRORED), "little")


class OggOpus:
    """Writes pages through `write` as they fill. `samples` counts the sound that was added."""

    def __init__(self, write: Callable[[bytes], object], serial: int) -> None:
        self.samples = 0
        self._size = 0
        self._write = write
        self._serial = serial
        self._pages = 0
        self._packets: list[bytes] = []
        self._lacing: list[bytes] = []
        self._waiting = 0
        self._page(_FIRST, [struct.pack("<8sBBHIhB", b"OpusHead", 1, 2, 0, RATE, 0, 0)])
        vendor = b"voicetap"
        self._page(0, [struct.pack("<8sI", b"OpusTags", len(vendor)) + vendor + bytes(4)])

    def size_with(self, packet: bytes) -> int:
        """Bytes of the whole stream if this packet were its last one."""
        return self._size + self._waiting + len(_laced(packet)) + len(packet) + 2 * _HEADER.size

    def add(self, packet: bytes) -> None:
        """The next packet, whose `samples_of` is not 0."""
        self.samples += samples_of(packet)
        self._packets.append(packet)
        self._lacing.append(_laced(packet))
        self._waiting += len(self._lacing[-1]) + len(packet)
        if len(self._packets) >= _PAGE_PACKETS or sum(map(len, self._lacing)) >= _PAGE_SEGMENTS:
            self._page(0, self._packets)
            self._packets, self._lacing, self._waiting = [], [], 0

    def close(self) -> None:
        """The last page."""
        self._page(_LAST, self._packets)

    def _page(self, flags: int, packets: list[bytes]) -> None:
        lacing = b"".join(map(_laced, packets))
        facts = (b"OggS", 0, flags, self.samples, self._serial, self._pages)
        body = lacing + b"".join(packets)
        crc = checksum(_HEADER.pack(*facts, 0, len(lacing)) + body)
        page = _HEADER.pack(*facts, crc, len(lacing)) + body
        self._pages += 1
        self._size += len(page)
        self._write(page)


def _laced(packet: bytes) -> bytes:
    return b"\xff" * (len(packet) // 255) + bytes((len(packet) % 255,))
