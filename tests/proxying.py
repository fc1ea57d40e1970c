"""A real proxy on real sockets: the program as a user starts it, a simulator behind it, and its log read from disk."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator
from collections.abc import Awaitable
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from dataclasses import field
from hashlib import sha256
from pathlib import Path
from typing import Any

import websockets
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect

ROOT = Path(__file__).parents[1]
KEY = "vt_" + "k" * 43
OTHER_KEY = "vt_" + "o" * 43


def free_port() -> int:
    """A port of this computer on which nobody listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def hash_of(key: str) -> str:
    return "sha256:" + sha256(key.encode()).hexdigest()


RULES = f"""
version: 1
listen: {{gateway: "127.0.0.1:0", intercept: "127.0.0.1:0", control: "127.0.0.1:0"}}
log: {{content: full}}
keys:
  - {{id: tester, hash: "{hash_of(KEY)}"}}
  - {{id: narrow, hash: "{hash_of(OTHER_KEY)}", models: ["gpt-realtime*"]}}
"""


@dataclass
class Proxy:
    """A started proxy."""

    process: asyncio.subprocess.Process
    gateway: str
    control: str
    token: str
    data: Path
    rules: Path
    intercept: str
    output: list[str] = field(default_factory=list)

    @property
    def base_url(self) -> str:
        return f"http://{self.gateway}/v1"

    def url(self, path: str, scheme: str = "ws") -> str:
        return f"{scheme}://{self.gateway}{path}"

    def connect(self, path: str, *, key: str | None = KEY, headers: Mapping[str, str] | None = None, **options: Any) -> connect:
        fields = {"Authorization": f"Bearer {key}"} if key else {}
        options = {"compression": None, "max_size": None, **options}
        return connect(self.url(path), additional_headers={**fields, **(headers or {})}, **options)

    async def sessions(self) -> list[dict[str, Any]]:
        """What `sessions --json` prints, newest first."""
        found: list[dict[str, Any]] = json.loads(await command("sessions", "--json", "--data", str(self.data)))
        return found

    async def session(self, done: Callable[[dict[str, Any]], bool] = lambda s: s["ended_at"] is not None) -> dict[str, Any]:
        """The newest session, once it is as wanted."""
        for _ in range(100):
            found = await self.sessions()
            if found and done(found[0]):
                return found[0]
            await asyncio.sleep(0.1)
        raise AssertionError(f"no such session: {found}\n{''.join(self.output)}")

    async def shown(self) -> dict[str, Any]:
        """The newest session, ended, with its turns, as `show --json` prints it."""
        session = await self.session()
        found: dict[str, Any] = json.loads(await command("show", session["id"], "--json", "--data", str(self.data)))
        return found

    async def stop(self, number: int = signal.SIGTERM) -> int:
        if self.process.returncode is None:
            self.process.send_signal(number)
        return await asyncio.wait_for(self.process.wait(), 30)

    async def end(self) -> None:
        """Stop it; a proxy that does not stop in time is killed, and the test fails."""
        try:
            await self.stop()
        except TimeoutError:
            self.process.kill()
            await self.process.wait()
            raise


async def command(*words: str, code: int = 0) -> str:
    """Run the command line; returns its standard output."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cli", *words, cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    assert process.returncode == code, err.decode()
    return out.decode()


StartProxy = Callable[..., Awaitable[Proxy]]
"""The fixture `start_proxy`: `await start_proxy(more_rules, env=…)`."""


@asynccontextmanager
async def started_proxy(
    folder: Path, rules: str = RULES, *, env: Mapping[str, str] | None = None, words: Sequence[str] = ()
) -> AsyncIterator[Proxy]:
    """A proxy with these rules, its files in `folder`; stopped, if it still runs, when the block ends."""
    file, data = folder / "rules.yaml", folder / "data"
    file.write_text(rules)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cli", "start", "--rules", str(file), "--data", str(data), *words),
        cwd=ROOT,
        env={**os.environ, **(env or {})},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output: list[str] = []
    assert process.stdout is not None
    assert process.stderr is not None
    drained = asyncio.create_task(_collect(process.stderr, output))
    line = (await asyncio.wait_for(process.stdout.readline(), 30)).decode()
    found = re.fullmatch(r"voicetap ready gateway=(\S+) control=(\S+) token=(\S+)\n", line)
    if found is None:
        await process.wait()
        await drained
        raise AssertionError(f"not ready: {line!r}\n{''.join(output)}")
    run = json.loads((data / "run.json").read_text())
    proxy = Proxy(process, *found.groups(), data, file, run.get("intercept") or "", output)
    try:
        yield proxy
    finally:
        await proxy.end()
        await drained


async def _collect(stream: asyncio.StreamReader, lines: list[str]) -> None:
    while line := await stream.readline():
        lines.append(line.decode())


async def close_of(websocket: ClientConnection) -> tuple[int, str]:
    """Read until the socket is closed; returns the close code and reason that came (1006 when none did)."""
    try:
        while True:
            await asyncio.wait_for(websocket.recv(), 20)
    except websockets.ConnectionClosed as closed:
        received = closed.rcvd
        return (received.code, received.reason) if received else (1006, "")
