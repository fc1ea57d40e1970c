"""Group commit: lines wait in a bounded buffer while one thread writes them, many to one fsync, in the order they came.

When the disk refuses, nothing is dropped: lines stay in the buffer, the thread tries again every second, and `failure`
says what is wrong until an attempt succeeds. Only a full buffer refuses lines, and counts them.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass
from dataclasses import replace
from datetime import datetime
from typing import Final

from store.clock import Clock
from store.errors import LogLocked
from store.errors import LogUnavailable
from store.errors import explained
from store.journal import Journal
from store.replay import Ahead
from store.threads import beside

logger = logging.getLogger(__name__)

Batch = list[tuple[int, bytes]]
"""Lines of one file, with the number at which they came."""

RETRY_SECONDS: Final = 1.0
AT_ONCE: Final = 8
"""Files of the lowest rank that are written at the same time."""
MAX_BYTES: Final = 64 << 20
MAX_LINES: Final = 100_000


@dataclass(frozen=True, slots=True)
class Failure:
    """Why nothing can be written, and since when."""

    text: str
    since: datetime


@dataclass(slots=True)
class Counters:
    """Totals since the start, and what waits now."""

    lines: int = 0
    bytes: int = 0
    commits: int = 0
    errors: int = 0
    dropped: int = 0
    """Lines refused because the buffer was full, or given up at the end: lost."""
    waiting_lines: int = 0
    waiting_bytes: int = 0


class Committer:
    """The buffer and its thread. Every method may be called from any thread and none waits for the disk but `close`."""

    def __init__(self, clock: Clock, *, retry: float = RETRY_SECONDS, max_bytes: int = MAX_BYTES, max_lines: int = MAX_LINES) -> None:
        self._clock = clock
        self._retry = retry
        self._max = max_bytes, max_lines
        self._changed = threading.Condition()
        self._queues: dict[Journal, deque[tuple[int, bytes]]] = {}
        self._sizes: dict[Journal, int] = {}
        self._waiters: list[tuple[int, Future[None]]] = []
        self._last = 0
        self._idle = True
        self._stopping = False
        self._counters = Counters()
        self._failure: Failure | None = None
        self._thread = threading.Thread(target=self._run, name="log commit", daemon=True)
        self._thread.start()

    @property
    def failure(self) -> Failure | None:
        """What is wrong now, None while everything is written."""
        return self._failure

    @property
    def counters(self) -> Counters:
        with self._changed:
            return replace(self._counters)

    def put(self, journal: Journal, line: bytes) -> None:
        """Take one or more lines for a file, as a whole. Raises LogUnavailable when the buffer is full or closed: then they are lost."""
        with self._changed:
            counters = self._counters
            if self._stopping or counters.waiting_bytes + len(line) > self._max[0] or counters.waiting_lines >= self._max[1]:
                counters.dropped += 1
                raise LogUnavailable(self._refusal())
            self._last += 1
            self._sizes.setdefault(journal, journal.size)
            self._queues.setdefault(journal, deque()).append((self._last, line))
            self._count_waiting(1, len(line))
            if self._idle:
                self._changed.notify_all()

    def ahead(self, journal: Journal) -> Ahead:
        """How much of a file is acknowledged, and what will follow it there."""
        with self._changed:
            size = self._sizes.get(journal, journal.size)
            following = b"".join(line for _, line in self._queues.get(journal, ()))
            return size, journal.header + following if following and not size else following

    def durable(self) -> Future[None]:
        """Done when all lines taken so far are on the disk; fails with LogUnavailable when an attempt to write them did."""
        future: Future[None] = Future()
        future.set_running_or_notify_cancel()
        with self._changed:
            if self._durable() >= self._last:
                future.set_result(None)
            elif self._failure is not None:
                future.set_exception(LogUnavailable(self._failure.text, kept=True))
            else:
                self._waiters.append((self._last, future))
        return future

    def retire(self, journal: Journal) -> bool:
        """Close a file; False, and nothing done, while lines for it wait."""
        with self._changed:
            if journal in self._queues:
                return False
            self._sizes.pop(journal, None)
            journal.close()
            return True

    def close(self) -> int:
        """Write what waits, once more if it must, and end the thread; returns the number of lines that could not be written."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._thread.join()
        with self._changed:
            lost = self._counters.waiting_lines
            self._counters.dropped += lost
            self._counters.waiting_lines = self._counters.waiting_bytes = 0
            self._queues.clear()
            return lost

    def _run(self) -> None:
        while True:
            with self._changed:
                self._wait()
                batches = {journal: list(queue) for journal, queue in self._queues.items()}
            errors = self._write_all(batches)
            with self._changed:
                self._settle(errors[0] if errors else None)
                if self._stopping and (errors or not self._queues):
                    return

    def _wait(self) -> None:
        if self._failure is not None and not self._stopping:
            self._changed.wait(self._retry)
        self._idle = True
        while not (self._queues or self._stopping):
            self._changed.wait()
        self._idle = False

    def _write_all(self, batches: dict[Journal, Batch]) -> list[str]:
        """Write the batches of all files; returns what went wrong. No line gets ahead of an earlier one of a lower rank."""
        first = [(journal, batch) for journal, batch in batches.items() if journal.rank == 0]
        failed = self._write_at_once(first)
        barrier = min((batch[0][0] for journal, batch in first if journal in failed), default=self._last + 1)
        errors = list(failed.values())
        for journal, batch in batches.items():
            due = [item for item in batch if item[0] < barrier] if journal.rank else []
            if due and (error := self._write(journal, due)) is not None:
                errors.append(error)
        return errors

    def _write_at_once(self, batches: list[tuple[Journal, Batch]]) -> dict[Journal, str]:
        """Write many small files: a disk that is asked to keep all of them together does so nearly as fast as one."""
        failed: dict[Journal, str] = {}

        def work(part: list[tuple[Journal, Batch]]) -> None:
            for journal, batch in part:
                if (error := self._write(journal, batch)) is not None:
                    failed[journal] = error

        threads = [beside(work, batches[at::AT_ONCE]) for at in range(1, min(AT_ONCE, len(batches)))]
        work(batches[::AT_ONCE])
        for thread in threads:
            if thread is not None:
                thread.join()
        return failed

    def _write(self, journal: Journal, batch: Batch) -> str | None:
        """Write a batch and take it out of the buffer; returns what went wrong."""
        try:
            journal.append(b"".join(line for _, line in batch))
        except OSError as error:
            return explained(error, journal.path)
        except LogLocked as error:
            return str(error)
        except Exception as error:  # the thread must outlive what nobody thought of
            logger.exception("writing %s failed", journal.path)
            return f"{journal.path}: {type(error).__name__}: {error}"
        size = sum(len(line) for _, line in batch)
        with self._changed:
            self._sizes[journal] = journal.size
            queue = self._queues[journal]
            for _ in batch:
                queue.popleft()
            if not queue:
                del self._queues[journal]
            self._count_waiting(-len(batch), -size)
            self._counters.lines += len(batch)
            self._counters.bytes += size
            self._counters.commits += 1
        return None

    def _settle(self, error: str | None) -> None:
        """Tell those who wait, and remember or forget the failure."""
        durable = self._durable()
        if error is not None:
            self._counters.errors += 1
            if self._failure is None or self._failure.text != error:
                logger.error("the log cannot be written: %s", error)
            since = self._failure.since if self._failure is not None else self._clock()
            self._failure = Failure(error, since)
        elif self._failure is not None:
            logger.warning("the log can be written again; nothing that waited is lost")
            self._failure = None
        for number, future in self._waiters:
            if number <= durable:
                future.set_result(None)
            elif error is not None:
                future.set_exception(LogUnavailable(error, kept=True))
        self._waiters = [(number, future) for number, future in self._waiters if not future.done()]

    def _durable(self) -> int:
        """The number of the last line before which everything is on the disk."""
        return min((queue[0][0] for queue in self._queues.values()), default=self._last + 1) - 1

    def _count_waiting(self, lines: int, size: int) -> None:
        self._counters.waiting_lines += lines
        self._counters.waiting_bytes += size

    def _refusal(self) -> str:
        if self._stopping:
            return "the log is closed"
        cause = f": {self._failure.text}" if self._failure is not None else "; the disk is too slow"
        return f"the buffer of the log is full ({self._max[0] >> 20} MiB or {self._max[1]} lines), the record is lost{cause}"
