"""A worker as a process: what it starts with, how it ends, and that it never outlives the proxy."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sidecarstage import SECONDS
from sidecarstage import running_room

from addons.workerprocess import ROOT
from addons.workerprocess import WorkerConfig

TOKEN = "t0ken-canary"


def line(**changed: Any) -> bytes:
    config = WorkerConfig(1, "127.0.0.1:1", Path(), bind="127.0.0.1")
    return json.dumps(json.loads(config.line(TOKEN)) | changed).encode() + b"\n"


def started(socket: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "sidecar", "--socket", str(socket)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe)


def test_it_says_when_it_serves_and_ends_with_its_standard_input(tmp_path: Path) -> None:
    """The end of standard input is what is left of a proxy that was killed."""
    child = started(tmp_path / "w.sock")
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(line())
    child.stdin.flush()
    assert child.stdout.readline().startswith(b"sidecar ready 127.0.0.1:")
    assert (tmp_path / "w.sock").exists()
    assert TOKEN not in Path(f"/proc/{child.pid}/cmdline").read_text()
    _, said = child.communicate(timeout=SECONDS)
    assert child.returncode == 0
    assert said == b""
    assert not (tmp_path / "w.sock").exists()


@pytest.mark.parametrize(
    ("first", "reason"),
    [
        (b"", "is not JSON"),
        (b"[]\n", "is not an object"),
        (b'{"token": "t0ken-canary"}\n', "missing or unknown"),
        (line(colour="red"), "missing or unknown in the first line of standard input: colour"),
        (line(ports=[1]), "ports"),
        (line(turn={"url": "turn:host"}), "turn"),
        (line(stun="what"), "stun"),
    ],
)
def test_what_it_cannot_start_with(tmp_path: Path, first: bytes, reason: str) -> None:
    child = started(tmp_path / "w.sock")
    out, said = child.communicate(first, timeout=SECONDS)
    assert child.returncode == 2
    assert out == b""
    assert reason in said.decode()
    assert TOKEN not in said.decode()
    assert "Traceback" not in said.decode()


def test_a_socket_that_cannot_be_made(tmp_path: Path) -> None:
    child = started(tmp_path / "missing" / "w.sock")
    _, said = child.communicate(line(), timeout=SECONDS)
    assert child.returncode == 2
    assert "cannot listen on" in said.decode()


def environment_of(pid: int) -> bytes:
    return Path(f"/proc/{pid}/environ").read_bytes()


@pytest.mark.usefixtures("loopback")
async def test_asked_to_end_it_says_goodbye_to_its_calls(tmp_path: Path) -> None:
    async with running_room(tmp_path) as room:
        browser, provider = await room.call("call_a")
        await browser.say("hello")
        await provider.hear()
        stopped = asyncio.create_task(room.worker.stop())
        closed = await room.until("call_a", "closed")
        assert closed["reason"] == "the media worker is shutting down"
        async with asyncio.timeout(SECONDS):
            await browser.ended.wait()
            await provider.ended.wait()
        await stopped
        assert await room.worker.ended() == "the media worker exited with code 0"
        assert room.gateway.client is not None
        assert room.gateway.client.close_code == 1001
        assert not room.worker._socket.exists()


async def test_it_knows_nothing_of_the_proxys_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVIDER_KEY", "sk-canary")
    async with running_room(tmp_path) as room:
        environment = environment_of(room.worker.pid)
        assert b"sk-canary" not in environment
        assert b"PATH=" in environment
        assert os.getsid(room.worker.pid) == room.worker.pid, "Ctrl-C in the proxy's terminal is not for the worker"
