"""What can go wrong with files of the store. Texts name the file and what to do, never a record's content."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Final


class StoreError(Exception):
    """Every error of the store."""


class LogUnavailable(StoreError):
    """A record could not be written now. `kept` tells whether it waits in memory for the next attempt or is lost."""

    def __init__(self, text: str, *, kept: bool = False) -> None:
        super().__init__(text)
        self.kept = kept


class LogLocked(LogUnavailable):
    """Another process writes; `pid` is its process id where known."""

    def __init__(self, text: str, pid: int | None = None) -> None:
        super().__init__(text)
        self.pid = pid


class LogFormat(StoreError):
    """A file of a version that this program does not know, or one that is opened for reading and written to."""


class AmbiguousId(StoreError):
    """The beginning of an id fits several sessions."""

    def __init__(self, prefix: str, ids: list[str]) -> None:
        super().__init__(f"{prefix!r} fits {len(ids)} sessions: {', '.join(ids[:5])}{' …' if len(ids) > 5 else ''}; give more of the id")
        self.ids = ids


_ADVICE: Final = {
    errno.ENOSPC: "no space left on the disk; make room, what waits is written as soon as there is some",
    errno.EDQUOT: "the disk quota is used up; make room, what waits is written as soon as there is some",
    errno.EFBIG: "the file may not grow further; raise the file size limit of the process",
    errno.ELOOP: "it is a symbolic link, which is not followed; put a real file or folder there",
    errno.ENOTDIR: "it is no folder, or a symbolic link, which is not followed; put a real folder there",
    errno.EROFS: "the file system is read-only",
}


def explained(error: OSError, path: Path) -> str:
    """One line: the file, what happened, what to do."""
    reason = _ADVICE.get(error.errno or 0) or (os.strerror(error.errno) if error.errno else str(error))
    return f"{path}: {reason}"
