"""The disk, and nothing else: the text of a rules file, and secrets from files that no one else may read."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from rules.credentials import ReadFile
from rules.yamlload import MAX_BYTES

_MAX_SECRET: Final = 64 << 10


def read_rules(path: Path) -> bytes:
    """The bytes of a rules file, at most one more than may be loaded. Raises OSError."""
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


def private_reader(folder: Path) -> ReadFile:
    """Reads secrets; a relative path is taken from `folder`. Raises OSError for a file that others may read."""

    def read_private(name: str) -> str:
        with open(folder / os.path.expanduser(name), "rb", opener=_open) as file:
            _check(os.fstat(file.fileno()))
            return file.read(_MAX_SECRET).decode()

    return read_private


def _open(path: str, flags: int) -> int:
    """A pipe without a writer must not stop the proxy."""
    return os.open(path, flags | os.O_NONBLOCK)


def _check(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise OSError("it is not a regular file")
    if status.st_mode & stat.S_IROTH:
        raise PermissionError("others on this computer may read it; run chmod 600 on it")
    if status.st_size > _MAX_SECRET:
        raise OSError(f"it is larger than {_MAX_SECRET >> 10} KiB")
