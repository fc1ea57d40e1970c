"""`-s addons/__init__.py` in the tools that mitmproxy ships: same doors, same checks, same records.

The console tool `mitmproxy` needs a terminal and is not started here; it loads scripts as the other two do.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any
from urllib.request import Request
from urllib.request import urlopen

import pytest
import websockets
from proxying import KEY
from proxying import OTHER_KEY
from proxying import ROOT
from proxying import RULES
from proxying import close_of
from proxying import command
from proxying import free_port
from websockets.asyncio.client import connect

PROVIDERS = "providers: {sim: {kind: simulator}}\n"
CREATE = '{"type": "response.create"}'
RAISING = """
from pathlib import Path

def fail(flow):
    if Path(__file__).with_name("armed").exists():
        raise RuntimeError("from the script")

requestheaders = request = response = websocket_start = websocket_message = websocket_end = fail
"""
"""It fails only once it is armed: mitmproxy's tools give up where anything fails before they have started entirely."""


@dataclass
class Tool:
    """A running mitmdump or mitmweb."""

    process: asyncio.subprocess.Process
    data: Path
    lines: list[str] = field(default_factory=list)
    grown: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def collect(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            async with self.grown:
                self.lines.append(line.decode())
                self.grown.notify_all()

    async def said(self, pattern: str) -> str:
        """The first group of the first output that matches."""
        async with self.grown:
            found = await asyncio.wait_for(self.grown.wait_for(lambda: re.search(pattern, self.text)), 30)
        assert found is not None
        return str(found[1])

    @property
    def text(self) -> str:
        return "".join(self.lines)

    def connect(self, address: str, key: str = KEY, path: str = "/v1/realtime?model=sim/gpt-realtime") -> connect:
        return connect(f"ws://{address}{path}", additional_headers={"Authorization": f"Bearer {key}"}, compression=None)

    async def sessions(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(await command("sessions", "--json", "--data", str(self.data)))
        return found


@asynccontextmanager
async def running(name: str, folder: Path, *words: str, rules: str = RULES + PROVIDERS) -> AsyncIterator[Tool]:
    (folder / "rules.yaml").write_text(rules)
    data = folder / "data"
    options = (f"voicetap_rules={folder / 'rules.yaml'}", f"voicetap_data={data}", f"confdir={folder / 'conf'}")
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name(name)),
        *(word for option in options for word in ("--set", option)),
        *words,
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    tool = Tool(process, data)
    collecting = asyncio.create_task(tool.collect())
    try:
        yield tool
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.wait(), 30)
        await collecting


OURS = ("-s", "addons/__init__.py", "-p", "0")
"""mitmproxy opens its default listener before any script is loaded; on port 0 it is in nobody's way."""

GATEWAY = r"reverse proxy to http://127.0.0.1:9 listening at (127.0.0.1:\d+)"


async def answer(websocket: websockets.ClientConnection) -> list[str]:
    """Ask for an answer; returns the types of the events up to its end."""
    await websocket.send(CREATE)
    types: list[str] = []
    while not types or types[-1] != "response.done":
        types.append(json.loads(await asyncio.wait_for(websocket.recv(), 20))["type"])
    return types


async def test_mitmdump_opens_the_doors_relays_records_and_ends_in_order(tmp_path: Path) -> None:
    async with running("mitmdump", tmp_path, *OURS) as tool:
        gateway = await tool.said(GATEWAY)
        intercept = await tool.said(r"HTTP\(S\) proxy listening at (127\.0\.0\.1:\d+)")
        assert intercept != gateway
        with pytest.raises(websockets.InvalidStatus) as refused:
            async with tool.connect(gateway, "vt_" + "w" * 43):
                pass
        assert refused.value.response.status_code == 401
        assert json.loads(refused.value.response.body or b"")["error"]["code"] == "invalid_api_key"
        async with tool.connect(gateway) as websocket:
            assert "response.output_audio.delta" in await answer(websocket)
            [live] = await tool.sessions()
            assert (live["principal"], live["turns"], live["ended_at"]) == ("tester", 1, None)
            tool.process.send_signal(signal.SIGTERM)
            assert await close_of(websocket) == (1001, "the proxy is shutting down")
        assert await asyncio.wait_for(tool.process.wait(), 30) == 0
    [session] = await tool.sessions()
    assert session["close"] == {"code": 1001, "reason": "the proxy is shutting down", "side": "proxy"}
    assert session["usage"]["total_tokens"] > 0
    assert "Traceback" not in tool.text
    assert "has crashed" not in tool.text


async def test_mitmweb_shows_a_session_and_keeps_one_message_of_it(tmp_path: Path) -> None:
    port = free_port()
    words = ("--no-web-open-browser", "--set", f"web_port={port}", "--set", "web_password=showme")
    async with running("mitmweb", tmp_path, *OURS, *words) as tool:
        gateway = await tool.said(GATEWAY)
        async with tool.connect(gateway) as websocket:
            assert len(await answer(websocket)) > 5
            shown = await asyncio.to_thread(flows, port)
            assert [flow["websocket"]["messages_meta"]["count"] for flow in shown if flow.get("websocket")] == [1]
        tool.process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(tool.process.wait(), 30) == 0
    [session] = await tool.sessions()
    assert (session["turns"], session["close"]["side"]) == (1, "client")
    assert "Traceback" not in tool.text


def flows(port: int) -> list[dict[str, Any]]:
    with urlopen(Request(f"http://127.0.0.1:{port}/flows", headers={"Authorization": "Bearer showme"}), timeout=20) as response:
        found: list[dict[str, Any]] = json.load(response)
        return found


async def test_the_users_mode_is_kept_and_failing_scripts_skip_no_check(tmp_path: Path) -> None:
    (tmp_path / "raising.py").write_text(RAISING)
    words = ("-s", str(tmp_path / "raising.py"), *OURS, "--mode", "reverse:http://127.0.0.1:1@127.0.0.1:0")
    async with running("mitmdump", tmp_path, *words) as tool:
        gateway = await tool.said(r"reverse proxy to http://127.0.0.1:1 listening at (127.0.0.1:\d+)")
        async with tool.connect(gateway) as websocket:
            assert "response.done" in await answer(websocket)
        (tmp_path / "armed").touch()
        with pytest.raises(websockets.InvalidStatus) as refused:
            async with tool.connect(gateway, "vt_" + "w" * 43):
                pass
        assert refused.value.response.status_code == 401
        async with tool.connect(gateway) as websocket:
            assert "response.done" in await answer(websocket)
        async with tool.connect(gateway, OTHER_KEY) as websocket:
            await websocket.recv()
            await websocket.send('{"type": "session.update", "session": {"type": "realtime", "model": "sim/o9-forbidden"}}')
            refusal = json.loads(await asyncio.wait_for(websocket.recv(), 20))
            assert (refusal["type"], refusal["error"]["code"]) == ("error", "model_not_allowed")
        assert tool.text.count("from the script") > 3
        assert len(re.findall("listening at", tool.text)) == 1
    assert [session["turns"] for session in await tool.sessions()] == [0, 1, 1]


async def test_rules_with_a_mistake_stop_the_tool_with_the_diagnostics(tmp_path: Path) -> None:
    async with running("mitmdump", tmp_path, *OURS, rules=RULES + "limts: {}\n") as tool:
        assert await asyncio.wait_for(tool.process.wait(), 30) == 1
    assert "unknown key" in tool.text
    assert "limts" in tool.text
