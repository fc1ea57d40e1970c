"""Sound that is not kept because of its words: overwritten with silence of the same length, in the spool and in the tracks of a call."""

from __future__ import annotations

import os
from collections.abc import Iterable
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from typing import Final

from realtime.audio import Encoding
from store.files import open_placed
from store.gathered import Gathered
from store.spans import SIDES
from store.spans import Span
from store.spans import Spans
from store.spool import MARK
from store.spool import USER
from store.spool import Found
from store.spool import read
from store.track import Track

MOST: Final = 2_000
"""Sides of turns that are listed."""
_SILENCE: Final[dict[tuple[Encoding, bool], bytes]] = {
    ("pcm16", False): b"\0",
    ("pcm16", True): b"A",
    ("pcmu", False): b"\xff",
    ("pcmu", True): b"/",
    ("pcma", False): b"\xd5",
    ("pcma", True): b"1dXV",
}
"""What a piece of silence repeats, by encoding and whether it is written in base64."""


def silence_spool(path: Path, found: Gathered) -> None:
    """Overwrite all sound of a spool that is not to be kept. May be repeated. Raises OSError."""
    if not found.guarded:
        return
    descriptor = open_placed(path)
    try:
        for entry, data in read(path):
            if entry.kind != MARK and not found.keeps(*_part(found, entry)):
                os.pwrite(descriptor, _silent(entry, data), entry.offset)
        os.fdatasync(descriptor)
    finally:
        os.close(descriptor)


def _part(found: Gathered, entry: Found) -> tuple[int, str]:
    return (found.turn_at(entry.at), "user") if entry.kind == USER else (entry.turn, "model")


def _silent(entry: Found, data: bytes) -> bytes:
    """As long as the data, in the same encoding; what stands behind base64 to fill it up stays."""
    sound = data.rstrip(b"=") if entry.base64 else data
    piece = _SILENCE[entry.format.encoding, entry.base64]
    return (piece * (len(sound) // len(piece) + 1))[: len(sound)] + data[len(sound) :]


def silence_tracks(found: Gathered, tracks: dict[str, Track], spans: Spans) -> None:
    """The same for the tracks of a call, where only time tells what belongs to a turn. Raises OSError."""
    for side, track in tracks.items():
        if side in found.guarded:
            parts = [(found.keeps(turn, side), sides[side]) for turn, sides in spans.items() if side in sides]
            kept = [span for keeps, span in parts if keeps] if not found.keeps(0, side) else [Span(0, track.length)]
            for start, end in (*_between(kept, track.length), *((span.start, span.end) for keeps, span in parts if not keeps)):
                track.silence(start, end)


def _between(kept: Iterable[Span], length: int) -> Iterator[tuple[int, int]]:
    """What lies outside of these spans."""
    place = 0
    for span in sorted(kept, key=lambda span: span.start):
        yield place, span.start
        place = max(place, span.end)
    yield place, length


def kept_spans(found: Gathered, spans: Spans) -> Spans:
    """The sides of turns whose sound is kept."""
    return {turn: kept for turn, sides in spans.items() if (kept := {side: one for side, one in sides.items() if found.keeps(turn, side)})}


def silenced(found: Gathered, spans: Spans) -> list[dict[str, Any]]:
    """What a recording says of sound that is not kept: which side of which turn (None: of none), and because of which policies.

    No policy is named where it was not settled that the words may be kept.
    """
    parts = {(turn, side) for turn, sides in spans.items() for side in sides} | {part for part in found.silenced if part[1] in SIDES}
    parts |= {(0, side) for side in found.guarded if not found.turns}
    gone = sorted((part for part in parts if not found.keeps(*part)), key=lambda part: (part[0], SIDES.index(part[1])))
    return [{"turn": turn or None, "side": side, "policies": found.silenced.get((turn, side), [])} for turn, side in gone[:MOST]]
