"""Opus packets as a browser would send them."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator
from typing import Any

import av

from sidecar.track import Packet

FRAME = 960
"""Samples of a packet: 20 ms at 48 kHz."""


def tone(hertz: float, packets: int) -> list[bytes]:
    """Opus packets of 20 ms with a tone, as a browser would send them."""
    encoder: Any = av.CodecContext.create("libopus", "w")
    encoder.sample_rate, encoder.layout, encoder.format = 48_000, "mono", "s16"
    made: list[bytes] = []
    for number in range(packets):
        frame = av.AudioFrame(format="s16", layout="mono", samples=FRAME)
        frame.sample_rate, frame.pts = 48_000, number * FRAME
        start = number * FRAME
        wave = (int(9_000 * math.sin(2 * math.pi * hertz * (start + index) / 48_000)) for index in range(FRAME))
        frame.planes[0].update(array("h", wave).tobytes())
        made += [bytes(packet) for packet in encoder.encode(frame)]
    return made


def arriving(payloads: list[bytes], *, timestamp: int = 0, sequence: int = 0, at: float = 100.0) -> Iterator[Packet]:
    """These payloads one after the other, on time."""
    for number, payload in enumerate(payloads):
        yield Packet(payload, (timestamp + number * FRAME) % 2**32, (sequence + number) % 2**16, at + number / 50)
