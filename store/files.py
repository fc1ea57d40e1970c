"""Files that only their owner can read: modes are set whatever the umask is, and no symbolic link is followed."""

from __future__ import annotations

import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

FILE_MODE: Final = 0o600
FOLDER_MODE: Final = 0o700

_SAFE: Final = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_BLOCK: Final = 256 << 10
_TAIL: Final = 16 << 10
_LOCK_POLL: Final = 0.005


def make_folder(path: Path) -> Path:
    """Make `path` and its parents where missing, 0700 each that is new; what exists stays as it is. Raises OSError."""
    for folder in reversed([path, *path.parents]):
        try:
            os.mkdir(folder, FOLDER_MODE)
        except OSError:
            if not folder.is_dir():
                raise
        else:
            os.chmod(folder, FOLDER_MODE)
    return path


def private_folder(path: Path) -> Path:
    """As `make_folder`, and `path` itself is 0700 afterwards in any case. Raises OSError, also for a link."""
    make_folder(path)
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | _SAFE)
    try:
        _set_mode(descriptor, FOLDER_MODE)
    finally:
        os.close(descriptor)
    return path


def open_private(path: Path) -> int:
    """A descriptor that reads anywhere and writes at the end; the file is made if missing, 0600. Raises OSError."""
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | _SAFE, FILE_MODE)
    return _checked(descriptor, own=True)


def open_reading(path: Path | str, folder: int | None = None) -> int:
    """A descriptor that reads; `folder` is one from which a relative path starts.

    Raises OSError, also for a link or anything that is not a regular file.
    """
    return _checked(os.open(path, os.O_RDONLY | _SAFE, dir_fd=folder), own=False)


@contextmanager
def reading(path: Path) -> Iterator[int | None]:
    """A descriptor that reads while the block lasts, None where there is no file. Raises as `open_reading`."""
    try:
        descriptor = open_reading(path)
    except FileNotFoundError:
        yield None
        return
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def open_anew(path: Path) -> int:
    """A descriptor that reads and writes a file from its beginning, whose content is gone, 0600. Raises OSError."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | _SAFE, FILE_MODE)
    return _checked(descriptor, own=True)


def open_placed(path: Path) -> int:
    """A descriptor that reads and writes anywhere in a file, which is made if missing, 0600. Raises OSError."""
    return _checked(os.open(path, os.O_RDWR | os.O_CREAT | _SAFE, FILE_MODE), own=True)


def _checked(descriptor: int, *, own: bool) -> int:
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError("it is not a regular file")
        if own:
            _set_mode(descriptor, FILE_MODE)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _set_mode(descriptor: int, mode: int) -> None:
    if stat.S_IMODE(os.fstat(descriptor).st_mode) != mode:
        os.fchmod(descriptor, mode)


def lock(descriptor: int, wait: float = 0.0) -> None:
    """Take the exclusive lock of an open file, trying for `wait` seconds. Raises BlockingIOError when another holds it."""
    until = time.monotonic() + wait
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                raise
            time.sleep(_LOCK_POLL)
        else:
            return


def write_all(descriptor: int, data: bytes) -> None:
    """Write every byte. Raises OSError, with an unknown part of `data` written."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def blocks(descriptor: int, start: int, end: int) -> Iterator[bytes]:
    """The complete lines between two offsets, in blocks that each end with a line's end."""
    size = _BLOCK
    while start < end:
        wanted = min(size, end - start)
        block = os.pread(descriptor, wanted, start)
        cut = block.rfind(b"\n") + 1
        if cut:
            yield block[:cut]
            start, size = start + cut, _BLOCK
        elif len(block) < wanted or wanted < size:
            return
        else:
            size *= 2


def last_line(descriptor: int, end: int) -> bytes:
    """The last of the complete lines that end at an offset, without its line end; empty where there is none."""
    found = b""
    while end > 0:
        start = max(0, end - _TAIL)
        found = os.pread(descriptor, end - start, start) + found
        end = start
        if (cut := found.rfind(b"\n", 0, -1)) >= 0:
            return found[cut + 1 : -1]
    return found[:-1]


def end_of_lines(descriptor: int) -> int:
    """The offset after the last complete line."""
    end = os.fstat(descriptor).st_size
    while end > 0:
        start = max(0, end - _TAIL)
        cut = os.pread(descriptor, end - start, start).rfind(b"\n")
        if cut >= 0:
            return start + cut + 1
        end = start
    return 0
