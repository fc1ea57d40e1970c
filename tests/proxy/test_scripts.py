"""User scripts with mitmproxy's own hooks: what they may do to a session, and what they cannot undo."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import websockets
from proxying import OTHER_KEY
from proxying import ROOT
from proxying import RULES
from proxying import Proxy
from proxying import close_of
from proxying import command
from proxying import started_proxy
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve

from simulator import Simulator

EXAMPLE = ROOT / "docs" / "examples" / "steer.py"
KILLED = (1008, "killed by a script")


@asynccontextmanager
async def scripted(folder: Path, script: Path | str, upstream: str) -> AsyncIterator[Proxy]:
    """A proxy with a script, in front of a server that speaks OpenAI's protocol or none."""
    if isinstance(script, str):
        (folder / "user.py").write_text(script)
        script = folder / "user.py"
    provider = f'providers: {{up: {{kind: compatible, url: "http://{upstream}/v1", models: ["gpt-*"]}}}}\n'
    async with started_proxy(folder, RULES + provider, words=("--script", str(script))) as proxy:
        yield proxy
    assert "has crashed" not in "".join(proxy.output)


def update(**session: Any) -> str:
    return json.dumps({"type": "session.update", "session": {"type": "realtime", **session}})


async def until(websocket: ClientConnection, kind: str) -> list[dict[str, Any]]:
    """Events up to the first of a type."""
    events: list[dict[str, Any]] = []
    while not events or events[-1]["type"] != kind:
        events.append(json.loads(await asyncio.wait_for(websocket.recv(), 20)))
    return events


async def test_the_documented_example_edits_injects_drops_reads_and_ends(tmp_path: Path) -> None:
    async with Simulator(pace=0) as sim, scripted(tmp_path, EXAMPLE, sim.address) as proxy:
        async with proxy.connect("/v1/realtime?model=gpt-realtime") as websocket:
            await websocket.send(update(instructions="You run a book shop."))
            events = await until(websocket, "response.done")
            updated = next(event for event in events if event["type"] == "session.updated")
            assert updated["session"]["instructions"] == "You run a book shop. Never give medical advice."
            await websocket.send('{"type": "input_audio_buffer.clear"}')
            item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Thanks, goodbye!"}]}
            await websocket.send(json.dumps({"type": "conversation.item.create", "item": item}))
            assert await close_of(websocket) == KILLED
        [connection] = sim.connections
        sent = [json.loads(message)["type"] for message in connection.messages]
        assert sent == ["session.update", "response.create"]
        shown = await proxy.shown()
        assert shown["session"]["close"] == {"code": 1008, "reason": "killed by a script", "side": "proxy"}
        assert shown["session"]["turns"] == 1, "the answer to the injected event is on the record"
        assert "an answer used" in "".join(proxy.output)


ESCAPES = """
import json
import os
from mitmproxy import ctx

MORE = json.dumps({"type": "session.update", "session": {"type": "realtime", "model": "o9-forbidden"}})

def websocket_message(flow):
    message = flow.websocket.messages[-1]
    if message.injected or not message.from_client:
        return
    if b"rewrite" in message.content:
        message.content = MORE.encode()
    elif b"inject" in message.content:
        message.drop()
        ctx.master.commands.call("inject.websocket", flow, False, MORE.encode(), True)
    elif b"raise" in message.content:
        raise RuntimeError("from the script")
"""


async def test_what_a_script_changes_makes_or_fails_at_is_still_checked(tmp_path: Path) -> None:
    async with Simulator(pace=0) as sim, scripted(tmp_path, ESCAPES, sim.address) as proxy:
        async with proxy.connect("/v1/realtime?model=gpt-realtime", key=OTHER_KEY) as websocket:
            for said in (update(instructions="rewrite"), update(instructions="inject"), update(model="o9-forbidden", instructions="raise")):
                await websocket.send(said)
                assert (await until(websocket, "error"))[-1]["error"]["code"] == "model_not_allowed"
            await websocket.send(update(instructions="raise"))
            await until(websocket, "session.updated")
        [connection] = sim.connections
        assert [json.loads(message)["session"] for message in connection.messages] == [{"type": "realtime", "instructions": "raise"}]
        assert "from the script" in "".join(proxy.output)


SHOUT = """
def websocket_message(flow):
    message = flow.websocket.messages[-1]
    assert len(flow.websocket.messages) <= 2
    message.content = message.content.upper()
"""


async def echo(connection: ServerConnection) -> None:
    """Says everything back; at `BYE` a burst, and the Close in the same breath."""
    async for message in connection:
        await connection.send(message)
        if message == "BYE":
            for number in range(50):
                await connection.send(f"burst {number}")
            await connection.close(4321, "that is all")


async def test_edited_messages_keep_their_order_and_arrive_before_the_close(tmp_path: Path) -> None:
    async with (
        serve(echo, "127.0.0.1", 0) as server,
        scripted(tmp_path, SHOUT, _address(server)) as proxy,
        proxy.connect("/v1/realtime?model=gpt-x") as websocket,
    ):
        said = [f"message {number}" for number in range(300)] + ["bye"]
        await asyncio.gather(*(websocket.send(text) for text in said))
        heard = [text async for text in _received(websocket)]
        assert heard == [text.upper() for text in said] + [f"BURST {number}" for number in range(50)]
        assert await close_of(websocket) == (4321, "that is all")


async def test_messages_sent_right_before_a_clients_close_are_shown_and_arrive(tmp_path: Path) -> None:
    got: list[str | bytes] = []
    over = asyncio.Event()

    async def listen(connection: ServerConnection) -> None:
        got.extend([message async for message in connection])
        over.set()

    async with serve(listen, "127.0.0.1", 0) as server, scripted(tmp_path, SHOUT, _address(server)) as proxy:
        async with proxy.connect("/v1/realtime?model=gpt-x") as websocket:
            for number in range(20):
                await websocket.send(f"last words {number}")
        await asyncio.wait_for(over.wait(), 20)
    assert got == [f"LAST WORDS {number}" for number in range(20)]


OUTSIDE = """
import asyncio
from mitmproxy import ctx

def websocket_start(flow):
    asyncio.get_running_loop().call_later(0.5, act, flow)

def act(flow):
    ctx.master.commands.call("inject.websocket", flow, True, b"a word from outside", True)
    asyncio.get_running_loop().call_later(0.2, flow.kill)
"""


async def test_a_script_without_message_hook_leaves_the_fast_path_and_still_injects_and_kills(tmp_path: Path) -> None:
    async with (
        serve(echo, "127.0.0.1", 0) as server,
        scripted(tmp_path, OUTSIDE, _address(server)) as proxy,
        proxy.connect("/v1/realtime?model=gpt-x") as websocket,
    ):
        await websocket.send("hello")
        assert [await websocket.recv(), await websocket.recv()] == ["hello", "a word from outside"]
        assert await close_of(websocket) == KILLED


async def test_a_reload_keeps_sessions_and_a_broken_one_too(tmp_path: Path) -> None:
    async with serve(echo, "127.0.0.1", 0) as server, scripted(tmp_path, SHOUT, _address(server)) as proxy:
        async with proxy.connect("/v1/realtime?model=gpt-x") as websocket:
            assert await _said_back(websocket, "Hello", "HELLO")
            _rewrite(tmp_path / "user.py", SHOUT.replace("upper", "lower"))
            assert await _said_back(websocket, "Hello", "hello")
            _rewrite(tmp_path / "user.py", "def websocket_message(flow) broken")
            assert await _said_back(websocket, "Hello", "Hello")
            async with proxy.connect("/v1/realtime?model=gpt-x") as another:
                assert await _said_back(another, "Hello", "Hello")
            _rewrite(tmp_path / "user.py", SHOUT)
            assert await _said_back(websocket, "Hello", "HELLO")
        assert "SyntaxError" in "".join(proxy.output)


@pytest.mark.parametrize(("text", "told"), [(None, "No such script"), ("def broken(", "cannot be loaded")])
async def test_a_script_that_cannot_be_loaded_stops_the_start(tmp_path: Path, text: str | None, told: str) -> None:
    script = tmp_path / "user.py"
    if text is not None:
        script.write_text(text)
    (tmp_path / "rules.yaml").write_text(RULES)
    words = ("start", "--rules", str(tmp_path / "rules.yaml"), "--data", str(tmp_path / "data"), "--script", str(script))
    with pytest.raises(AssertionError, match=told):
        await command(*words)


def _rewrite(script: Path, text: str) -> None:
    """Change a file so that its time of change is later, whatever the file system's resolution."""
    before = script.stat().st_mtime
    script.write_text(text)
    os.utime(script, (before + 5, before + 5))


async def _said_back(websocket: ClientConnection, said: str, expected: str) -> bool:
    """Say something until it comes back as expected; a script is looked at once a second."""
    for _ in range(200):
        await websocket.send(said)
        if await asyncio.wait_for(websocket.recv(), 20) == expected:
            return True
        await asyncio.sleep(0.05)
    return False


async def _received(websocket: ClientConnection) -> AsyncIterator[str | bytes]:
    while True:
        try:
            yield await asyncio.wait_for(websocket.recv(), 20)
        except websockets.ConnectionClosed:
            return


def _address(server: websockets.asyncio.server.Server) -> str:
    host, port = next(iter(server.sockets)).getsockname()
    return f"{host}:{port}"
