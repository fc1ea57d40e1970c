"""One writer for a log: a locked file that names the process, and remembers from when on sessions may have been left open."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import msgspec

from store.errors import LogLocked
from store.files import lock
from store.files import open_private
from store.files import reading
from store.files import sync_folder
from store.files import write_all


class Run(msgspec.Struct):
    """What the lock file says. `since` is the day from which on sessions may be open: None for none, "" for any day."""

    pid: int | None = None
    since: str | None = ""


LOCK: Final = ".lock"
"""The file's name in the folder of the log."""
_LONGEST: Final = 4096

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Run).decode


def is_closed(path: Path) -> bool:
    """Whether the last writer ended properly, and none writes now; False where nothing says so. Raises OSError."""
    with reading(path) as descriptor:
        try:
            return descriptor is not None and _decode(os.pread(descriptor, _LONGEST, 0)) == Run(None, None)
        except msgspec.DecodeError:
            return False


class WriterLock:
    """Held from the call until `release` or the end of the process. Raises LogLocked with the holder's pid, and OSError."""

    def __init__(self, path: Path, today: str) -> None:
        self._descriptor = open_private(path)
        try:
            lock(self._descriptor)
            found = self._read()
            self.since = found.since
            """The day from which on earlier runs may have left sessions open, "" for any; None when there are none."""
            self._write(Run(os.getpid(), today if found.since is None else found.since))
            sync_folder(path.parent)
        except BlockingIOError:
            pid = self._read().pid
            os.close(self._descriptor)
            text = f"process {pid}" if pid else "another process"
            raise LogLocked(f"{path.parent} is in use by {text}; stop it, or use another data folder", pid) from None
        except OSError:
            os.close(self._descriptor)
            raise

    def recovered(self, since: str) -> None:
        """Sessions of earlier runs are complete: only those from the day `since` on may be open. Raises OSError."""
        self._write(Run(os.getpid(), since))
        self.since = None

    def release(self, *, clean: bool) -> None:
        """Let others write. `clean` when no session was left open. Raises OSError, with the lock released."""
        try:
            if clean:
                self._write(Run(None, None))
        finally:
            os.close(self._descriptor)

    def _read(self) -> Run:
        try:
            return _decode(os.pread(self._descriptor, _LONGEST, 0))
        except msgspec.DecodeError:
            return Run()

    def _write(self, run: Run) -> None:
        """Empty means that nothing is known, which is safe; so a failure between the two steps is."""
        os.ftruncate(self._descriptor, 0)
        write_all(self._descriptor, _encode(run))
        os.fsync(self._descriptor)
