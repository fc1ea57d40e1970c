"""The proxies that are compared: each an async context manager that starts one in front of the bench's upstream.

A peer that is not installed raises Absent with the reason; nothing is measured in its place.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from collections.abc import Callable
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from contextlib import AbstractContextManager
from contextlib import asynccontextmanager
from contextlib import nullcontext
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any
from typing import Final

from websockets.asyncio.client import connect

from bench.events import session_update
from bench.process import START
from bench.process import Meter
from bench.process import free_port
from bench.process import listening
from bench.process import running
from bench.process import tail
from bench.settings import FORBIDDEN
from bench.settings import KEY
from bench.settings import LITELLM_MODEL
from bench.settings import litellm_config
from bench.settings import nginx_conf
from bench.settings import voicetap_rules

ROOT: Final = Path(__file__).parent.parent
GO_SOURCE: Final = Path(__file__).parent / "go" / "relay.go"
PATH: Final = "/v1/realtime?model=bench"
_NGINX_PLACES: Final = ("nginx", "/usr/sbin/nginx", "/usr/local/sbin/nginx")


class Absent(Exception):
    """This peer cannot run here; says what is missing."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a client connects, and the process behind it (None where there is no proxy)."""

    port: int
    pid: int | None = None
    path: str = PATH
    headers: dict[str, str] = field(default_factory=lambda: {"Authorization": f"Bearer {KEY}"})
    host: str = "127.0.0.1"
    measured: Callable[[], AbstractContextManager[None]] = nullcontext
    """Entered around each stretch that is measured."""

    @property
    def meter(self) -> Meter | None:
        return Meter(self.pid) if self.pid else None


Peer = Callable[[int, Path], AbstractAsyncContextManager[Target]]
"""Takes the upstream's port and an empty directory of its own."""


@asynccontextmanager
async def direct(upstream: int, _: Path) -> AsyncIterator[Target]:
    yield Target(upstream)


async def announced(process: asyncio.subprocess.Process, log: Path) -> tuple[int, int, str]:
    """What voicetap prints when it serves: the ports of its gateway and of its control door, and the token of the latter."""
    for _ in range(int(START / 0.05)):
        if found := re.search(r"voicetap ready gateway=\S+:(\d+) control=\S+:(\d+) token=(\S+)", tail(log)):
            return int(found[1]), int(found[2]), found[3]
        if process.returncode is not None:
            break
        await asyncio.sleep(0.05)
    raise RuntimeError(f"voicetap did not get ready: {tail(log)}")


@asynccontextmanager
async def voicetap_under(
    upstream: int, home: Path, *prefix: str, parsed: bool = False, policies: Sequence[dict[str, Any]] = ()
) -> AsyncIterator[Target]:
    rules = home / "rules.yaml"
    rules.write_text(voicetap_rules(upstream, parsed=parsed, policies=policies))
    command = (sys.executable, *prefix, "-m", "cli", "start", "--rules", str(rules), "--data", str(home / "data"))
    async with running(command, home / "log", {"PYTHONPATH": str(ROOT)}) as process:
        gateway, _, _ = await announced(process, home / "log")
        yield Target(gateway, process.pid)


@asynccontextmanager
async def voicetap(upstream: int, home: Path) -> AsyncIterator[Target]:
    """All addons on, no policy: audio takes the spliced path."""
    async with voicetap_under(upstream, home) as target:
        yield target


@asynccontextmanager
async def voicetap_parsed(upstream: int, home: Path) -> AsyncIterator[Target]:
    """Twenty policies that look at every frame: nothing is spliced. Raises Absent where they do not act on what they name."""
    async with voicetap_under(upstream, home, parsed=True) as target:
        await _blocks(target)
        yield target


async def _blocks(target: Target) -> None:
    url = f"ws://{target.host}:{target.port}{target.path}"
    async with connect(url, additional_headers=target.headers, compression=None) as socket:
        await socket.recv()
        await socket.send(session_update(FORBIDDEN).decode())
        if json.loads(await socket.recv())["type"] != "error":
            raise Absent("its policies do not act")


@asynccontextmanager
async def _on_port(port: int, command: Sequence[str | Path], home: Path, path: str = PATH) -> AsyncIterator[Target]:
    async with running(command, home / "log") as process:
        await listening(port, process, home / "log")
        yield Target(port, process.pid, path)


@asynccontextmanager
async def mitmdump(upstream: int, home: Path) -> AsyncIterator[Target]:
    """Stock, same version, reverse mode, no addon scripts, no flow output."""
    port = free_port()
    sets = ("--set", "flow_detail=0", "--set", f"confdir={home / 'conf'}", "--listen-host", "127.0.0.1", "-p", str(port))
    command = (Path(sys.executable).with_name("mitmdump"), "--mode", f"reverse:http://127.0.0.1:{upstream}", *sets, "-q")
    async with _on_port(port, command, home) as target:
        yield target


@asynccontextmanager
async def websockets_relay(upstream: int, home: Path) -> AsyncIterator[Target]:
    port = free_port()
    script = Path(__file__).with_name("relay_websockets.py")
    async with _on_port(port, (sys.executable, script, str(port), f"ws://127.0.0.1:{upstream}"), home) as target:
        yield target


@asynccontextmanager
async def nginx(upstream: int, home: Path) -> AsyncIterator[Target]:
    binary = next((found for place in _NGINX_PLACES if (found := shutil.which(place))), None)
    if not binary:
        raise Absent("nginx is not installed")
    port = free_port()
    conf = home / "nginx.conf"
    conf.write_text(nginx_conf(port, upstream, home))
    async with _on_port(port, (binary, "-p", home, "-c", conf, "-e", home / "error.log"), home) as target:
        yield target


async def _go_binary() -> Path:
    """The compiled relay, kept between runs under the hash of its source."""
    compiler = shutil.which("go")
    if not compiler:
        raise Absent("no Go compiler on the PATH")
    place = ROOT / "bench" / "out" / f"relay-{hashlib.sha256(GO_SOURCE.read_bytes()).hexdigest()[:12]}"
    if not place.exists():
        place.parent.mkdir(exist_ok=True)
        build = await asyncio.create_subprocess_exec(compiler, "build", "-o", place, GO_SOURCE, env={**os.environ, "GO111MODULE": "off"})
        if await build.wait():
            raise Absent("the Go relay did not compile")
    return place


@asynccontextmanager
async def _go(mode: str, upstream: int, home: Path) -> AsyncIterator[Target]:
    port = free_port()
    command = (await _go_binary(), mode, f"127.0.0.1:{port}", f"127.0.0.1:{upstream}")
    async with _on_port(port, command, home) as target:
        yield target


@asynccontextmanager
async def go_frames(upstream: int, home: Path) -> AsyncIterator[Target]:
    """Reads every frame header and unmasks every client payload."""
    async with _go("frames", upstream, home) as target:
        yield target


@asynccontextmanager
async def go_copy(upstream: int, home: Path) -> AsyncIterator[Target]:
    """io.Copy both ways: sees bytes, never a frame."""
    async with _go("copy", upstream, home) as target:
        yield target


@asynccontextmanager
async def litellm(upstream: int, home: Path) -> AsyncIterator[Target]:
    """LiteLLM's proxy from the environment that LITELLM_PYTHON names, with no database and no callbacks."""
    python = os.environ.get("LITELLM_PYTHON")
    if not python:
        raise Absent("LITELLM_PYTHON names no interpreter that has litellm[proxy]")
    probe = await asyncio.create_subprocess_exec(python, "-c", "import litellm.proxy.proxy_server", stderr=asyncio.subprocess.DEVNULL)
    if await probe.wait():
        raise Absent("the interpreter that LITELLM_PYTHON names cannot import litellm.proxy.proxy_server")
    port = free_port()
    (home / "config.yaml").write_text(litellm_config(upstream))
    entry = Path(python).with_name("litellm")
    command = (entry, "--config", home / "config.yaml", "--host", "127.0.0.1", "--port", str(port), "--telemetry", "False")
    async with _on_port(port, command, home, path=f"/v1/realtime?model={LITELLM_MODEL}") as target:
        yield target


PEERS: Final[dict[str, Peer]] = {
    "direct": direct,
    "voicetap": voicetap,
    "voicetap-parsed": voicetap_parsed,
    "mitmdump": mitmdump,
    "websockets": websockets_relay,
    "litellm": litellm,
    "go-frames": go_frames,
    "go-copy": go_copy,
    "nginx": nginx,
}


@asynccontextmanager
async def start(peer: str, upstream: int) -> AsyncIterator[Target]:
    """One peer in a directory of its own that is gone afterwards. Raises Absent."""
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as home:
        async with PEERS[peer](upstream, Path(home)) as target:
            yield target
