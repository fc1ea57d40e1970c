"""`python -m simulator` as another program uses it."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path

import pytest
from calling import Caller
from calling import Elsewhere
from calling import over
from websockets.asyncio.client import connect

ROOT = Path(__file__).parents[2]
MANUAL = ROOT / "docs" / "simulator.md"


async def start(*arguments: str) -> asyncio.subprocess.Process:
    command = (sys.executable, "-m", "simulator", *arguments)
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=pipe, stderr=pipe)


async def test_says_where_it_is_serves_and_ends_cleanly(tmp_path: Path):
    (tmp_path / "script.yaml").write_text("greeting: Welcome to the test.\n")
    process = await start("--pace", "0", "--script", str(tmp_path / "script.yaml"))
    assert process.stdout is not None
    async with asyncio.timeout(20):
        ready, address = (await process.stdout.readline()).decode().rsplit(" ", 1)
        assert ready == "simulator ready"
        async with connect(f"ws://{address.strip()}/v1/realtime?model=m", proxy=None) as socket:
            await socket.send(json.dumps({"type": "response.create", "response": {"output_modalities": ["text"]}}))
            text = ""
            async for message in socket:
                event = json.loads(message)
                text += event["delta"] if event["type"] == "response.output_text.delta" else ""
                if event["type"] == "response.done":
                    break
        assert text == "Welcome to the test."
        process.send_signal(signal.SIGTERM)
        assert await process.communicate() == (b"", b"")
    assert process.returncode == 0


async def test_serves_calls_and_ends_them_when_it_ends():
    process = await start("--pace", "0", "--location", "query")
    assert process.stdout is not None
    async with asyncio.timeout(30):
        there = Elsewhere((await process.stdout.readline()).decode().split()[-1])
        caller = Caller()
        response = await caller.dial(there)
        assert response.headers["location"].startswith("/v1/realtime/calls?call_id=rtc_")
        await caller.until("session.created")
        caller.ask("Good morning")
        await caller.hears(10)
        process.send_signal(signal.SIGTERM)
        await over(caller.closed)
        assert await process.communicate() == (b"", b"")
        await caller.close()
    assert process.returncode == 0


@pytest.mark.parametrize(("option", "content"), [("--script", "answers: 5\n"), ("--cassette", "{}\n")])
async def test_files_that_cannot_be_used_are_exit_code_2(tmp_path: Path, option: str, content: str):
    (tmp_path / "bad").write_text(content)
    process = await start(option, str(tmp_path / "bad"))
    async with asyncio.timeout(20):
        output, errors = await process.communicate()
    assert (process.returncode, output) == (2, b"")
    assert errors.startswith(f"simulator: {tmp_path / 'bad'}".encode())


async def test_every_option_is_in_the_manual():
    process = await start("--help")
    async with asyncio.timeout(20):
        output, _ = await process.communicate()
    options = {word.strip("[],") for word in output.decode().split() if word.startswith(("--", "[--"))} - {"--help"}
    assert len(options) == 8
    assert all(f"`{option}" in MANUAL.read_text() for option in options)
