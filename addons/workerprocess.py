"""One media worker as a process: started with a new token, asked to end or killed by its id, never left behind."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import secrets
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass
from dataclasses import fields
from pathlib import Path
from typing import Final

from addons.worker import SidecarError
from addons.worker import WorkerClient
from rules.media import WebRTC

logger = logging.getLogger(__name__)

ROOT: Final = Path(__file__).resolve().parents[1]
START_SECONDS: Final = 10.0
END_SECONDS: Final = 7.0
"""A worker ends within 5 s when asked to; after this it is killed."""

_READY: Final = re.compile(rb"sidecar ready (\S+):(\d+)\n")
_PASSED_ON: Final = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "SYSTEMROOT")
"""The environment of a worker; what else is set for the proxy may be a provider's credential."""


@dataclass(frozen=True, slots=True)
class WorkerConfig:
    """How workers are to run; read again at each start of one."""

    workers: int
    gateway: str
    """HOST:PORT where a worker opens the events WebSocket; reached as plain ws."""
    data: Path
    """The data folder; the workers' sockets lie in a private folder in it."""
    bind: str | None = None
    ports: tuple[int, int] | None = None
    public: str | None = None
    stun: str | None = None
    turn: dict[str, str] | None = None
    """`url`, `username`, `credential`: the secret itself."""
    calls: int = 100
    setups: tuple[int, float] = 20, 1.0
    """How many calls a worker takes on, and in how many seconds."""
    events: tuple[int, float] = 200, 1.0
    """How many messages of a call pass in each direction, and in how many seconds."""
    setup_seconds: float = 15.0
    silence_seconds: float = 6.0
    grace_seconds: float = 20.0

    def line(self, token: str) -> bytes:
        """What a worker reads first from its standard input."""
        return json.dumps({"token": token} | {name: getattr(self, name) for name in _TOLD}).encode() + b"\n"


_TOLD: Final = {field.name for field in fields(WorkerConfig)} - {"workers", "data"}


def worker_config(webrtc: WebRTC, *, gateway: str, data: Path, turn_secret: str | None = None) -> WorkerConfig:
    """What `webrtc:` of the rules means for workers. `turn_secret` is the password at the TURN server, where one is named."""
    ports, turn = webrtc.ports, webrtc.turn
    return WorkerConfig(
        workers=webrtc.workers,
        gateway=gateway,
        data=data,
        bind=webrtc.bind,
        ports=(ports.first, ports.last) if ports else None,
        public=webrtc.public,
        stun=webrtc.stun,
        turn={"url": turn.url, "username": turn.username, "credential": turn_secret or ""} if turn else None,
        calls=webrtc.calls,
        setups=(webrtc.setups.count, webrtc.setups.seconds),
        events=(webrtc.events.count, webrtc.events.seconds),
        grace_seconds=webrtc.grace,
    )


class WorkerProcess:
    """A worker that serves; made by `start`."""

    def __init__(self, process: asyncio.subprocess.Process, socket: Path, token: str, events: tuple[str, int]) -> None:
        self.client = WorkerClient(socket, token)
        self.events = events
        """Where its events server listens."""
        self.pid = process.pid
        self._process = process
        self._socket = socket
        self._output = [asyncio.create_task(_log_lines(stream, process.pid)) for stream in (process.stdout, process.stderr)]

    @classmethod
    async def start(cls, socket: Path, config: WorkerConfig) -> WorkerProcess:
        """Start a worker and wait until it serves. Raises SidecarError with what it said instead."""
        token = secrets.token_urlsafe(24)
        process = await _spawn(socket)
        try:
            assert process.stdin is not None
            process.stdin.write(config.line(token))
            return cls(process, socket, token, await _ready(process))
        except BaseException:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            raise

    async def ended(self) -> str:
        """Wait for the end of the process; says how it came."""
        code = await self._process.wait()
        return f"the media worker was ended by {signal.Signals(-code).name}" if code < 0 else f"the media worker exited with code {code}"

    def kill(self) -> None:
        """End the process at once."""
        with suppress(ProcessLookupError):
            self._process.kill()

    async def stop(self) -> None:
        """Ask the process to end its calls and itself; one that does not is killed."""
        with suppress(ProcessLookupError):
            self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), END_SECONDS)
        except TimeoutError:
            logger.warning("media worker %d did not end within %g s and is killed", self.pid, END_SECONDS)
            self.kill()
            await self._process.wait()

    async def release(self) -> None:
        """Close what belongs to a process that has ended: its pipes, connections and socket file."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        await asyncio.gather(*self._output)
        await self.client.close()
        _remove(self._socket)


def _remove(socket: Path) -> None:
    """A worker that was killed leaves its socket behind."""
    socket.unlink(missing_ok=True)


async def _spawn(socket: Path) -> asyncio.subprocess.Process:
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ} | {"PYTHONPATH": str(ROOT)}
    pipe = asyncio.subprocess.PIPE
    command = (sys.executable, "-P", "-m", "sidecar", "--socket", str(socket))
    try:
        return await asyncio.create_subprocess_exec(
            *command, stdin=pipe, stdout=pipe, stderr=pipe, cwd=ROOT, env=environment, start_new_session=True
        )
    except OSError as error:
        raise SidecarError(503, "sidecar_unavailable", f"the media worker cannot be started: {error.strerror or error}", 1) from None


async def _ready(process: asyncio.subprocess.Process) -> tuple[str, int]:
    """The address in the ready line. Raises SidecarError when it does not come."""
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        line = await asyncio.wait_for(process.stdout.readline(), START_SECONDS)
    except TimeoutError:
        raise SidecarError(503, "sidecar_unavailable", f"the media worker was not ready within {START_SECONDS:g} s", 1) from None
    if match := _READY.fullmatch(line):
        return match[1].decode(), int(match[2])
    with suppress(ProcessLookupError):
        process.kill()
    said = (await process.stderr.read()).decode(errors="replace").strip().rpartition("\n")[2]
    raise SidecarError(503, "sidecar_unavailable", f"the media worker did not start: {said or 'it said nothing'}", 1)


async def _log_lines(stream: asyncio.StreamReader | None, pid: int) -> None:
    """Pass on what a worker writes, line by line, to the log of the proxy."""
    assert stream is not None
    rest = b""
    while chunk := await stream.read(1 << 16):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            logger.warning("media worker %d: %s", pid, line.decode(errors="replace"))
