"""The files made of a session's sound: stereo, one of each side of each turn, peaks. All appear at once, or none does."""

from __future__ import annotations

import json
import os
import wave
from array import array
from collections.abc import Iterable
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import zip_longest
from pathlib import Path
from typing import Any
from typing import Final

from store.files import open_anew
from store.files import write_all
from store.pcm import WIDTH
from store.peaks import bucket_seconds
from store.peaks import peaks
from store.soundfolder import PEAKS
from store.soundfolder import STEREO
from store.soundfolder import clip
from store.spans import SIDES
from store.spans import Span
from store.spans import Spans
from store.track import Track

PART: Final = ".part"
"""The end of names of files that are not complete."""


def write_products(folder: Path, tracks: dict[str, Track], spans: Spans, facts: dict[str, Any]) -> dict[str, Any]:
    """Write all products; returns what `peaks.json` says, which has `facts` in it. Raises OSError."""
    names = [STEREO]
    _stereo(folder / (STEREO + PART), tracks)
    for turn, sides in spans.items():
        for side, span in sides.items():
            names.append(clip(turn, side))
            _clip(folder / (names[-1] + PART), tracks[side], span)
    summary = {**facts, **_summary(tracks, spans)}
    names.append(PEAKS)
    with _new(folder / (PEAKS + PART)) as descriptor:
        write_all(descriptor, json.dumps(summary, separators=(",", ":")).encode())
    for name in names:
        os.replace(folder / (name + PART), folder / name)
    return summary


def _summary(tracks: dict[str, Track], spans: Spans) -> dict[str, Any]:
    seconds = max(track.seconds for track in tracks.values())
    bucket = bucket_seconds(seconds)
    turns = [
        {
            "turn": turn,
            **{side: _times(tracks, side, sides.get(side)) for side in SIDES},
            "cut": any(span.cut for span in sides.values()),
        }
        for turn, sides in sorted(spans.items())
    ]
    drawn = {side: peaks(tracks.get(side), seconds, bucket) for side in SIDES}
    return {"seconds": round(seconds, 3), "bucket_seconds": bucket, **drawn, "turns": turns}


def _times(tracks: dict[str, Track], side: str, span: Span | None) -> list[float] | None:
    return None if span is None else [round(place / tracks[side].rate, 6) for place in (span.start, span.end)]


def _stereo(path: Path, tracks: dict[str, Track]) -> None:
    """The user on the left, the model on the right; a side without sound is silent."""
    rate = max(track.rate for track in tracks.values())
    length = max(-(-track.length * rate // track.rate) for track in tracks.values())
    sides = [tracks[side].blocks(rate, rate) if side in tracks else iter(()) for side in SIDES]
    with _wav(path, 2, rate, length) as file:
        left = length
        for blocks in zip_longest(*sides, fillvalue=b""):
            count = min(left, max(map(len, blocks)) // WIDTH)
            file.writeframesraw(_interleaved(blocks, count))
            left -= count
        file.writeframesraw(bytes(left * 2 * WIDTH))


def _interleaved(blocks: Iterable[bytes], count: int) -> bytes:
    both = array("h", bytes(count * 2 * WIDTH))
    for channel, block in enumerate(blocks):
        both[channel::2] = array("h", block[: count * WIDTH].ljust(count * WIDTH, b"\0"))
    return both.tobytes()


def _clip(path: Path, track: Track, span: Span) -> None:
    with _wav(path, 1, track.rate, span.end - span.start) as file:
        for start in range(span.start, span.end, track.rate):
            file.writeframesraw(track.read(start, min(track.rate, span.end - start)))


@contextmanager
def _wav(path: Path, channels: int, rate: int, length: int) -> Iterator[wave.Wave_write]:
    with _new(path) as descriptor, os.fdopen(os.dup(descriptor), "wb") as file, wave.open(file, "wb") as written:
        written.setparams((channels, WIDTH, rate, length, "NONE", ""))
        yield written


@contextmanager
def _new(path: Path) -> Iterator[int]:
    descriptor = open_anew(path)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
