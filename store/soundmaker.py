"""Makes the products of sessions that are over: reads folders from standard input, one a line, and answers with a line of JSON each.

`python -m store.soundmaker DATA` runs beside the proxy with the lowest priority, so that decoding and mixing delay no session. It
ends with its input. A folder it has begun and not finished is begun anew by the next one.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from typing import Final

from realtime.soundtrack import Piece
from store.files import open_reading
from store.gathered import LEAST_RATE
from store.gathered import Gathered
from store.gathered import fill_model
from store.gathered import fill_user
from store.gathered import gather
from store.gathered import rate_of
from store.pcm import WIDTH
from store.pcm import opus
from store.products import PART
from store.products import write_products
from store.silencing import kept_spans
from store.silencing import silence_spool
from store.silencing import silence_tracks
from store.silencing import silenced
from store.soundfolder import CALL
from store.soundfolder import CALL_SUMMARY
from store.soundfolder import PEAKS
from store.soundfolder import SPOOL
from store.soundfolder import STEREO
from store.spans import Span
from store.spans import Spans
from store.spans import spans_by_clock
from store.spans import spans_of_messages
from store.track import Track

VERSION: Final = 1
LIMIT_SECONDS: Final = 7_200
"""The longest recording; what comes later is left out."""
MOST_TURNS: Final = 2_000
"""Turns that have files of their own."""
CALL_RATE: Final = 24_000
"""To what the sound of calls, 48 kHz on the wire, is brought: all that speech and the providers' voices have."""
_SHORTEST: Final = 0.02


def make(data: Path, folder: str) -> dict[str, Any]:
    """Make the products of a session's folder; returns its `recording`. Raises OSError, ValueError.

    The spool stays in any case, with silence in the place of sound that is not kept; Opus packets stay but for sides in whose
    words policies have a say: where those went, the products that are there already are complete.
    """
    path = data / folder
    with _locked(path):
        found = gather(path / SPOOL)
        tracks: dict[str, Track] = {}
        try:
            silence_spool(path / SPOOL, found)
            summary = (_known(path) if found.guarded else None) or _made(path, found, tracks)
            for side in found.guarded & CALL.keys():
                (path / CALL[side]).unlink(missing_ok=True)
        finally:
            for track in tracks.values():
                track.close()
            for rest in path.glob(f"*{PART}"):
                rest.unlink()
        return recording(folder, summary)


def recording(folder: str, said: dict[str, Any]) -> dict[str, Any]:
    """What a session's record says of its sound, from what `peaks.json` says, or would where there was none."""
    ready = said["seconds"] > 0
    return {
        "state": "ready" if ready else "failed" if said["failed"] else "empty",
        "folder": folder,
        "stereo": f"{folder}/{STEREO}" if ready else None,
        "peaks": f"{folder}/{PEAKS}" if ready else None,
        "turns": [turn["turn"] for turn in said["turns"]],
        **{name: said[name] for name in ("seconds", "truncated", "failed", "skipped", "silenced")},
    }


def _known(path: Path) -> dict[str, Any] | None:
    """What was made before, by a process that did not live to tell of it: the last of the products says it."""
    try:
        with open(open_reading(path / PEAKS), "rb") as file:
            summary: dict[str, Any] = json.load(file)
    except (FileNotFoundError, ValueError):
        return None
    return summary if "silenced" in summary else None


def _made(path: Path, found: Gathered, tracks: dict[str, Track]) -> dict[str, Any]:
    facts: dict[str, Any] = {"version": VERSION, "truncated": found.cut, "failed": None, "skipped": found.skipped}
    if any((path / name).exists(follow_symlinks=False) for name in CALL.values()):
        _of_call(path, found, tracks, facts)
        spans = spans_by_clock(found, tracks)
        silence_tracks(found, tracks, spans)
    else:
        spans = spans_of_messages(found, *_of_messages(path, found, tracks))
    facts["silenced"] = silenced(found, spans)
    spans = _audible(kept_spans(found, spans), tracks)
    if not any(track.length for track in tracks.values()):
        return {**facts, "seconds": 0.0, "turns": []}
    facts["truncated"] |= any(track.truncated for track in tracks.values()) or len(spans) > MOST_TURNS
    return write_products(path, tracks, dict(list(spans.items())[:MOST_TURNS]), facts)


def _track(path: Path, side: str, rate: int) -> Track:
    return Track(path / f"{side}{PART}", rate, LIMIT_SECONDS * rate)


def _of_messages(path: Path, found: Gathered, tracks: dict[str, Track]) -> tuple[list[Piece], list[Piece]]:
    spoken: list[Piece] = []
    played: list[Piece] = []
    if found.user:
        tracks["user"] = _track(path, "user", rate_of(found.user, LEAST_RATE))
        spoken = fill_user(tracks["user"], found)
    if found.answers:
        tracks["model"] = _track(path, "model", rate_of(found.answers, LEAST_RATE))
        played = fill_model(tracks["model"], found)
    return spoken, played


def _of_call(path: Path, found: Gathered, tracks: dict[str, Track], facts: dict[str, Any]) -> None:
    """Decode what the media process wrote. What of it cannot be read is said, the rest kept."""
    try:
        written = json.loads((path / CALL_SUMMARY).read_bytes())
    except (OSError, ValueError):
        written = {}
    for side, name in CALL.items():
        said = written.get(name.partition(".")[0]) or {}
        facts["truncated"] |= bool(said.get("truncated"))
        facts["failed"] = facts["failed"] or said.get("failed")
        if (path / name).exists(follow_symlinks=False):
            tracks[side] = _track(path, side, CALL_RATE)
            _decode(path / name, tracks[side], _started(said, found), facts)


def _started(said: dict[str, Any], found: Gathered) -> int:
    """Where a side of a call begins, in samples; at once where the media process did not live to say it."""
    started = said.get("started")
    return max(0, round((started - found.opened) * CALL_RATE)) if isinstance(started, int | float) else 0


def _decode(path: Path, track: Track, place: int, facts: dict[str, Any]) -> None:
    with open(open_reading(path), "rb") as file:
        try:
            for pcm in opus(file, track.rate):
                track.write(place, pcm)
                place += len(pcm) // WIDTH
        except ValueError as error:
            facts["failed"] = f"{path.name}: {error}"


def _audible(spans: Spans, tracks: dict[str, Track]) -> Spans:
    """Those that lie within their tracks and are long enough to be heard."""
    made: Spans = {}
    for turn, sides in sorted(spans.items()):
        for side, span in sides.items():
            end = min(span.end, tracks[side].length)
            if end - span.start >= _SHORTEST * tracks[side].rate:
                made.setdefault(turn, {})[side] = Span(span.start, end, span.cut)
    return made


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Wait until no other process works on this folder. Raises OSError, also for a link."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _answer(data: Path, folder: str) -> dict[str, Any]:
    try:
        return {"folder": folder, "recording": make(data, folder)}
    except (OSError, ValueError) as error:
        return {"folder": folder, "failed": getattr(error, "strerror", None) or str(error)}


def main() -> None:
    """Answer to one folder after the other until the input ends."""
    os.nice(19)
    data = Path(sys.argv[1])
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_answer(data, line.strip())) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
