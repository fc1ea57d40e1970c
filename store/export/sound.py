"""The recorded sound of sessions as exports read it: which files there are, and why there are none."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

from store import soundfolder
from store.lines import Row
from store.soundfolder import STEREO
from store.soundfolder import clip
from store.spans import SIDES


class NoSound(Exception):
    """There is nothing to be heard, and why."""


def names(session: Row, turn: int | None = None) -> list[str]:
    """The files that a session's sound may be in: both sides together and those of its turns, or those of one turn. Raises NoSound."""
    recording = _ready(session)
    turns = [number for number in recording.get("turns") or () if turn in (None, number)]
    if turn is not None and not turns:
        raise NoSound(f"turn {turn} has no sound of its own")
    return [*([STEREO] if turn is None else []), *(clip(number, side) for number in turns for side in SIDES)]


def opened(data: Path, session: Row, name: str) -> BinaryIO:
    """One of these files, to be read. Raises NoSound, FileNotFoundError for a side that was silent, OSError."""
    _ready(session)
    try:
        folder = soundfolder.relative(str(session["started_at"]), str(session["id"]))
    except ValueError as error:
        raise NoSound(str(error)) from None
    return os.fdopen(soundfolder.open_product(data, folder, name), "rb")


def _ready(session: Row) -> Row:
    recording: Row = session.get("recording") or {}
    if (state := recording.get("state")) != "ready":
        raise NoSound("its sound was not recorded (log.audio)" if state is None else f"its sound is not there: {state}")
    return recording
