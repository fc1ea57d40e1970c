"""A proxy under test as an operating-system process: started on its core, measured from outside, ended by its own id."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import time
from collections.abc import AsyncIterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import psutil

from bench import machine

START: float = 60.0
"""Seconds a proxy may take to listen."""


def _cpu(process: psutil.Process) -> float:
    if sys.platform == "linux":
        # The process's own clock, as clock_getcpuclockid(3) numbers it: nanoseconds, where /proc counts ticks of 10 ms.
        return time.clock_gettime((~process.pid << 3) | 2)
    times = process.cpu_times()
    return times.user + times.system


def waited(pid: int) -> float:
    """Seconds for which the main thread was ready to run but somebody else had the core; 0 where the system does not say."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
    except FileNotFoundError:
        return 0.0


class Meter:
    """CPU seconds and resident bytes of a process and its children."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)

    def _family(self) -> list[psutil.Process]:
        return [self._process, *self._process.children(recursive=True)]

    def cpu(self) -> float:
        return sum(map(_cpu, self._family()))

    def rss(self) -> int:
        return sum(process.memory_info().rss for process in self._family())

    def files(self) -> int:
        """Open files and sockets."""
        return sum(process.num_fds() for process in self._family())

    def threads(self) -> int:
        return sum(process.num_threads() for process in self._family())

    def child(self, word: str) -> int | None:
        """The first descendant whose command line has this word."""
        return next((process.pid for process in self._family()[1:] if word in process.cmdline()), None)


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def listening(port: int, process: asyncio.subprocess.Process, log: Path) -> None:
    """Waits until somebody accepts on the port. Raises RuntimeError with the end of the log when the process died or is too slow."""
    for _ in range(int(START / 0.05)):
        if process.returncode is not None:
            break
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return
    raise RuntimeError(f"not listening on {port}: {tail(log)}")


def tail(log: Path) -> str:
    return log.read_text(errors="replace")[-1_500:].strip()


@asynccontextmanager
async def running(
    command: Sequence[str | Path],
    log: Path,
    env: Mapping[str, str] | None = None,
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Starts the command pinned to the proxy's core with its output in `log`; ends it with SIGTERM, after ten seconds with SIGKILL."""
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output, env={**os.environ, **(env or {})}
        )
    machine.pin(process.pid)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), 10)
        except TimeoutError:
            process.kill()
            await process.wait()
