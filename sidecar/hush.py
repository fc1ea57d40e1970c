"""Packets with silence in the place of their sound: same header, same time, so that the receiver misses nothing."""

from __future__ import annotations

from typing import Final

from sidecar.rtp import bounds

_FRAMES: Final = (10, 20, 40, 60)
"""Milliseconds of a SILK frame by the lowest two bits of its configuration (RFC 6716, 3.1)."""
_CELT: Final = (2.5, 5, 10, 20)
_LONGEST: Final = 6
"""Frames of 20 ms in the longest packet."""
_SILENCE: Final = b"\xff\xfe"
"""A CELT frame of nothing."""
_FLAT: Final = {"pcmu": b"\xff", "pcma": b"\xd5"}
"""The sample of silence in G.711."""


def hushed(packet: bytes, codec: str) -> bytes | None:
    """The RTP packet without its sound; None where silence in this codec is not known here. Comfort noise is none."""
    start, end = bounds(packet)
    if codec == "cn":
        return packet
    if codec == "opus":
        silence = silent_opus(packet[start:end])
    elif codec in _FLAT:
        silence = _FLAT[codec] * (end - start)
    else:
        return None
    return bytes((packet[0] & ~0x20,)) + packet[1:start] + silence


def silent_opus(payload: bytes) -> bytes:
    """An Opus packet of silence, as long as this one."""
    duration = milliseconds(payload)
    if duration < 20:
        return bytes(((28 + _CELT.index(duration)) << 3,)) + _SILENCE
    frames = min(round(duration / 20), _LONGEST)
    return b"\xf8" + _SILENCE if frames == 1 else bytes((0xFB, frames)) + _SILENCE * frames


def milliseconds(payload: bytes) -> float:
    """How long an Opus packet is; an empty one counts as 20."""
    if not payload:
        return 20
    configuration, code = payload[0] >> 3, payload[0] & 3
    if configuration < 12:
        frame: float = _FRAMES[configuration & 3]
    elif configuration < 16:
        frame = _FRAMES[configuration & 1]
    else:
        frame = _CELT[configuration & 3]
    count = (payload[1] & 0x3F if len(payload) > 1 else 1) if code == 3 else 1 if code == 0 else 2
    total = frame * max(count, 1)
    return total if total >= 20 or total in _CELT else 20
