"""The thread that writes the messages of all sessions, so that relaying waits neither for a disk nor for ciphers.

What was handed over is on the disk once its batch is: whole, or not at all. A disk that refuses is tried again; what does not fit in
memory meanwhile is lost, and the next message that is kept says how many.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Final
from typing import NamedTuple

from store.errors import StoreError
from store.errors import explained
from store.framefile import FrameFile
from store.framemaker import Crossed
from store.framemaker import Formats
from store.framemaker import FrameMaker
from store.framemaker import Manner

logger = logging.getLogger(__name__)

MOST_WAITING: Final = 64 << 20
"""Bytes of all sessions that may wait for the disk."""
RETRY_SECONDS: Final = 1.0
_SLICE: Final = 0.0002
_PAUSE: Final = 0.0001
"""Seconds of work after which sessions are let go first, and for how long: only one thread runs at a time."""


class Recording:
    """One session's file, what makes its lines, and the batches that the disk has not taken yet."""

    __slots__ = ("failed", "file", "last", "maker", "put", "unwritten", "written")

    def __init__(self, file: FrameFile, maker: FrameMaker) -> None:
        self.file = file
        self.maker = maker
        self.failed: str | None = None
        self.last = False
        """Whether nothing follows what is unwritten."""
        self.unwritten: list[tuple[bytes, int]] = []
        self.put = 0
        """Jobs that were handed over, counted by whoever does; `written` is the thread's."""
        self.written = 0

    @property
    def busy(self) -> bool:
        """Whether something that was handed over is not on the disk yet."""
        return self.put != self.written


class Job(NamedTuple):
    """Messages to be kept in a manner; `size` is what they count for in memory. The `last` of a session closes its file."""

    recording: Recording
    crossed: Sequence[Crossed]
    manner: Manner
    formats: Formats
    size: int
    last: bool = False


class FrameWriter:
    """Started with the first job. `append` and `stop` are called from one other thread."""

    def __init__(self, *, most: int = MOST_WAITING, retry: float = RETRY_SECONDS) -> None:
        self._most = most
        self._retry = retry
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._put = 0
        self._written = 0
        self._stuck: dict[Recording, None] = {}

    def append(self, job: Job) -> bool:
        """Have messages written; False, and they are lost, where too much waits already. The last job of a session is always taken."""
        if self._put - self._written + job.size > self._most and not job.last:
            return False
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="frames", daemon=True)
            self._thread.start()
        self._put += job.size
        job.recording.put += 1
        self._jobs.put(job)
        return True

    def stop(self) -> None:
        """Wait until everything is written that can be."""
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        while True:
            try:
                job = self._jobs.get(timeout=self._retry if self._stuck else None)
            except queue.Empty:
                self._again()
                continue
            if job is None:
                break
            self._do(job)
        self._again()
        for recording in self._stuck:
            logger.error("%s: the last messages could not be written and are lost: %s", recording.file.path, recording.failed)

    def _do(self, job: Job) -> None:
        recording = job.recording
        first = recording.maker.count + 1
        try:
            lines = list(_lines(job))
            batch = recording.file.add(lines, first) if lines else b""
        except Exception:
            logger.exception("%s: %d message(s) are not kept", recording.file.path, len(job.crossed))
            batch = b""
        recording.unwritten.append((batch, job.size))
        recording.last = job.last
        self._write(recording)

    def _again(self) -> None:
        for recording in list(self._stuck):
            self._write(recording)

    def _write(self, recording: Recording) -> None:
        try:
            if data := b"".join(batch for batch, _ in recording.unwritten):
                recording.file.append(data)
        except OSError as error:
            self._fail(recording, explained(error, recording.file.path))
        except StoreError as error:
            self._fail(recording, str(error))
        else:
            self._written += sum(size for _, size in recording.unwritten)
            recording.written += len(recording.unwritten)
            recording.unwritten.clear()
            recording.failed = None
            if recording.last:
                recording.file.end()
            self._stuck.pop(recording, None)

    def _fail(self, recording: Recording, why: str) -> None:
        if recording.failed is None:
            logger.error("messages wait for the disk: %s", why)
        recording.failed = why
        self._stuck[recording] = None


def _lines(job: Job) -> Iterator[bytes]:
    """The lines of a job, made in small slices."""
    maker, began = job.recording.maker, time.monotonic()
    for crossed in job.crossed:
        yield maker.line(crossed, job.manner, job.formats)
        if time.monotonic() - began > _SLICE:
            time.sleep(_PAUSE)
            began = time.monotonic()
