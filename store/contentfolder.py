"""Where content lies: a file for each session and day of the log, `<data>/content/<UTC day>/<session>.jsonl`, for its owner alone.

Beside the texts there may be the session's messages, `<session>.frames`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from store.cipher import entry
from store.files import open_reading

FOLDER: Final = "content"
_FRAMES: Final = ".frames"

_SESSION: Final = re.compile(r"[A-Za-z0-9_-]{1,100}")
_FILE: Final = re.compile(r"([A-Za-z0-9_-]{1,100})(?:\.jsonl|\.frames)")
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_FIRST: Final = 1024


def path_of(data: Path, day: str, session: str) -> Path:
    """The file of what a session said in the records of a day. Raises ValueError for an id that is no file name."""
    if not (_SESSION.fullmatch(session) and _DAY.fullmatch(day)):
        raise ValueError(f"{session[:80]!r} of {day!r} cannot have a file")
    return data / FOLDER / day / f"{session}.jsonl"


def frames_of(data: Path, day: str, session: str) -> Path:
    """The file of the messages of a session. Raises ValueError as `path_of`."""
    return path_of(data, day, session).with_suffix(_FRAMES)


def files_of(data: Path, day: str, session: str) -> tuple[Path, Path]:
    """Both. Raises ValueError as `path_of`."""
    return path_of(data, day, session), frames_of(data, day, session)


def contents(data: Path) -> Iterator[tuple[str, str]]:
    """Day and session of every file. Raises OSError."""
    for day in days(data):
        yield from ((day, session) for session in sessions(data, day))


def days(data: Path) -> list[str]:
    """The days that have a folder, oldest first. Raises OSError."""
    return [name for name in _names(data / FOLDER) if _DAY.fullmatch(name)]


def sessions(data: Path, day: str) -> list[str]:
    """The sessions that have a file in the folder of a day. Raises OSError."""
    return sorted({found[1] for name in _names(data / FOLDER / day) if (found := _FILE.fullmatch(name))})


def key_number(path: Path) -> int | None:
    """The number of the key that a file was encrypted with; None where there is no file, or none that says so. Raises OSError."""
    try:
        descriptor = open_reading(path)
    except FileNotFoundError:
        return None
    try:
        first = os.pread(descriptor, _FIRST, 0).partition(b"\n")[0]
    finally:
        os.close(descriptor)
    try:
        found = entry(first).key
    except msgspec.DecodeError:
        return None
    return found if found >= 0 else None


def remove(path: Path) -> bool:
    """Remove a file, and the folder of its day when nothing else is in it; False where there was none. Raises OSError."""
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    with suppress(OSError):  # others are in it
        path.parent.rmdir()
    return True


def _names(path: Path) -> list[str]:
    try:
        return sorted(os.listdir(path))
    except FileNotFoundError:
        return []
