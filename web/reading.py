"""Reading the log for pages, in processes of their own: however much a page looks at, no frame waits for it.

They are started when the first page is asked for, of a lower priority, and end with the proxy, however that ends.
"""

from __future__ import annotations

import asyncio
import logging
import os
import pickle
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from typing import Concatenate
from typing import Final
from typing import Protocol

from store.errors import LogUnavailable
from store.reader import LogReader
from web.readingprocess import HEAD

logger = logging.getLogger(__name__)

PROCESSES: Final = 2
LONGEST_SECONDS: Final = 60.0
"""For one page; a process that takes longer is ended."""
ABANDONED_SECONDS: Final = 2.0
"""For a page that nobody waits for any more; ending its process at once would let the next page wait for a new one."""

_GIVE_BACK: Final = {"MALLOC_MMAP_THRESHOLD_": "1048576", "MALLOC_TRIM_THRESHOLD_": "1048576"}
"""Has the C library give back the memory of a large page when it was sent; other libraries do not read it."""
_MOMENT: Final = 0.1
_ROOT: Final = Path(__file__).resolve().parents[1]


class Work(Protocol):
    """Calls a function of a module with the log and arguments, off the event loop. Raises StoreError."""

    async def __call__[**P, R](self, function: Callable[Concatenate[LogReader, P], R], *given: P.args, **named: P.kwargs) -> R: ...


class Readers:
    """Processes that read the log of a data folder."""

    def __init__(self, data: Path) -> None:
        self._data = data.resolve()
        self._free = asyncio.Semaphore(PROCESSES)
        self._idle: list[asyncio.subprocess.Process] = []
        self._all: set[asyncio.subprocess.Process] = set()
        self._tasks: set[asyncio.Task[tuple[bool, Any]]] = set()

    async def work[**P, R](self, function: Callable[Concatenate[LogReader, P], R], *given: P.args, **named: P.kwargs) -> R:
        """As `Work`; arguments and result go through a pipe."""
        await self._free.acquire()
        task = asyncio.create_task(self._answered(pickle.dumps((function, given, named))))
        self._tasks.add(task)
        task.add_done_callback(self._over)
        try:
            done, result = await asyncio.shield(task)
        except asyncio.CancelledError:
            asyncio.get_running_loop().call_later(ABANDONED_SECONDS, task.cancel)
            raise
        if not done:
            raise LogUnavailable(result)
        made: R = result
        return made

    async def close(self) -> None:
        """End them all; what they were doing is not finished, and who waits for it is told."""
        ended = self._end_all()
        while self._tasks:
            await asyncio.wait(self._tasks, timeout=_MOMENT)
            ended += self._end_all()
        for process in ended:
            await process.wait()

    def _end_all(self) -> list[asyncio.subprocess.Process]:
        ending = list(self._all)
        for process in ending:
            self._end(process)
        return ending

    async def _answered(self, question: bytes) -> tuple[bool, Any]:
        process = self._idle.pop() if self._idle else await self._started()
        try:
            async with asyncio.timeout(LONGEST_SECONDS):
                answer = await _asked(process, question)
        except BaseException as error:
            self._end(process)
            if isinstance(error, asyncio.IncompleteReadError | TimeoutError | OSError):
                raise LogUnavailable("the process that reads it ended, or took too long") from error
            raise
        self._idle.append(process)
        return answer

    def _over(self, task: asyncio.Task[tuple[bool, Any]]) -> None:
        self._tasks.discard(task)
        self._free.release()

    async def _started(self) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "web.readingprocess", str(self._data)),
            cwd=_ROOT,
            env={**os.environ, **_GIVE_BACK},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        self._all.add(process)
        return process

    def _end(self, process: asyncio.subprocess.Process) -> None:
        self._all.discard(process)
        with suppress(ProcessLookupError):
            process.kill()
        if process.stdin is not None:
            process.stdin.close()


async def _asked(process: asyncio.subprocess.Process, question: bytes) -> tuple[bool, Any]:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(len(question).to_bytes(HEAD, "big") + question)
    await process.stdin.drain()
    pickled = await _read(process.stdout)
    parts = [await _read(process.stdout) for _ in range(await _number(process.stdout))]
    answer: tuple[bool, Any] = pickle.loads(pickled, buffers=parts)  # noqa: S301 - from a process of ours
    return answer


async def _read(answers: asyncio.StreamReader) -> bytes:
    return await answers.readexactly(await _number(answers))


async def _number(answers: asyncio.StreamReader) -> int:
    return int.from_bytes(await answers.readexactly(HEAD), "big")
