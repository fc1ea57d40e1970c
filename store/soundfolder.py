"""Where the sound of sessions lies: a folder each beside the log, for its owner alone, no symbolic link followed.

<data>/audio/<UTC day of the session's start>/<session>/stereo.wav, <turn>-user.wav, <turn>-model.wav, peaks.json
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from store.files import open_reading
from store.files import private_folder

FOLDER: Final = "audio"
SPOOL: Final = "sound.spool"
"""What was gathered and is not made into products yet."""
STEREO: Final = "stereo.wav"
PEAKS: Final = "peaks.json"
CALL: Final = {"user": "client.ogg", "model": "upstream.ogg"}
"""What the media process writes of a call, by side."""
CALL_SUMMARY: Final = "recording.json"

_SESSION: Final = re.compile(r"[A-Za-z0-9_-]{1,100}")
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_IN: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def relative(started_at: str, session: str) -> str:
    """The folder of a session below the data folder. Raises ValueError for an id that is no file name."""
    day = started_at[:10]
    if not (_SESSION.fullmatch(session) and _DAY.fullmatch(day)):
        raise ValueError(f"{session[:80]!r} of {day!r} cannot have a folder")
    return f"{FOLDER}/{day}/{session}"


def clip(turn: int, side: str) -> str:
    """The file of one side of a turn."""
    return f"{turn}-{side}.wav"


def make(data: Path, folder: str) -> Path:
    """Make the folder of a session and those above it. Raises OSError, also for a link in the place of one."""
    made = data
    for name in folder.split("/"):
        made = private_folder(made / name)
    return made


def open_product(data: Path, folder: str, name: str) -> int:
    """A descriptor that reads a file of a session's folder. Raises OSError."""
    inside = os.open(data, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for step in folder.split("/"):
            outside, inside = inside, os.open(step, _IN, dir_fd=inside)
            os.close(outside)
        return open_reading(name, inside)
    finally:
        os.close(inside)


def sessions(data: Path) -> Iterator[tuple[str, Path]]:
    """Every session's folder with its path below `data`. Raises OSError."""
    for day in _folders(data / FOLDER, _DAY):
        for session in _folders(day, _SESSION):
            yield f"{FOLDER}/{day.name}/{session.name}", session


def leftovers(data: Path) -> list[str]:
    """The folders, below `data`, whose products are not made."""
    return [folder for folder, path in sessions(data) if (path / SPOOL).exists(follow_symlinks=False)]


def unclaimed(data: Path) -> list[str]:
    """The folders, below `data`, in which there is only what the media process wrote of a call that never became a session."""
    return [folder for folder, path in sessions(data) if _is_unclaimed({entry.name for entry in path.iterdir()})]


def _is_unclaimed(names: set[str]) -> bool:
    return not names.isdisjoint(CALL.values()) and names.isdisjoint((SPOOL, PEAKS))


def finish(data: Path, folder: str) -> None:
    """The products of a folder are made and recorded: remove what they were made of, and a folder in which nothing is."""
    path = data / folder
    (path / SPOOL).unlink(missing_ok=True)
    if not os.listdir(path):
        path.rmdir()


def days(data: Path) -> list[str]:
    """The days that have a folder, oldest first. Raises OSError."""
    return [path.name for path in _folders(data / FOLDER, _DAY)]


def of_day(data: Path, day: str) -> list[str]:
    """The folders of a day, below `data`. Raises OSError."""
    return [f"{FOLDER}/{day}/{path.name}" for path in _folders(data / FOLDER / day, _SESSION)]


def remove(data: Path, folder: str) -> bool:
    """Remove the sound of a session once nobody makes anything of it any more; False where there is none. Raises OSError."""
    path = data / folder
    try:
        descriptor = os.open(path, _IN)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with suppress(FileNotFoundError):  # another was quicker
            shutil.rmtree(path)
    finally:
        os.close(descriptor)
    with suppress(OSError):  # other sessions are in it
        path.parent.rmdir()
    return True


def _folders(path: Path, named: re.Pattern[str]) -> Iterator[Path]:
    try:
        with os.scandir(path) as entries:
            names = sorted(entry.name for entry in entries if named.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False))
    except FileNotFoundError:
        return
    yield from (path / name for name in names)
