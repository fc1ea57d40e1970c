"""Breakpoints on any bytes, and beside user scripts: binary messages, texts that are no JSON, a provider that closes behind them."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio
from breakstage import codes
from operating import Operator
from operating import Record
from proxying import RULES
from proxying import Proxy
from proxying import started_proxy
from recorded import ended
from recorded import named
from waiting import eventually
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve

from store.reader import LogReader

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCRIPT = """
def websocket_message(flow):
    message = flow.websocket.messages[-1]
    message.content = message.content.replace(b"hello", b"hullo")
"""
LAST = ('{"type": "last.words"}', '{"type": "very.last.words"}')
LIMIT = "limits: {message: 64KiB}\n"


async def echo(socket: ServerConnection) -> None:
    """Says again what it hears; "bye" makes it say its last words, "leave" makes it leave."""
    async for said in socket:
        if str(said).endswith('bye"}'):
            for words in LAST:
                await socket.send(words)
        elif str(said).endswith('leave"}'):
            await socket.close(1011, "overloaded")
        else:
            await socket.send(said)


@dataclass
class Stage:
    proxy: Proxy
    operator: Operator

    async def session(self, name: str) -> str:
        return str(
            await eventually(lambda: next((one["id"] for one in LogReader(self.proxy.data).sessions() if one["grouping"] == name), None))
        )

    def connect(self, name: str) -> ClientConnection:
        return self.proxy.connect("/v1/realtime?model=gpt-any", headers=named(name))  # type: ignore[return-value]

    async def findings(self, name: str) -> list[Record]:
        found = await ended(self.proxy.data, name)
        return LogReader(self.proxy.data).findings(session_id=found["id"], limit=None, order="asc")


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["alone", "beside a script"])
async def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    folder = tmp_path_factory.mktemp("wire")
    (folder / "user.py").write_text(SCRIPT)
    words = () if request.param == "alone" else ("--script", str(folder / "user.py"))
    async with serve(echo, "127.0.0.1", 0, compression=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        provider = f'{LIMIT}providers: {{up: {{kind: compatible, url: "http://127.0.0.1:{port}/v1", models: ["gpt-*"]}}}}\n'
        async with started_proxy(folder, RULES + provider, words=words) as proxy:
            operator = Operator(proxy)
            yield Stage(proxy, operator)
            await operator.http.aclose()
        assert "has crashed" not in "".join(proxy.output)


async def heard(socket: ClientConnection, count: int) -> list[str | bytes]:
    return [await asyncio.wait_for(socket.recv(), 20) for _ in range(count)]


async def test_all_of_one_direction_waits_and_keeps_its_order(stage: Stage) -> None:
    operator = stage.operator
    async with stage.connect("order") as socket:
        point = await operator.stop_at(f"session={await stage.session('order')} from=client number", once=True)
        for number in range(300):
            await socket.send(json.dumps({"type": "numbered", "words": "number", "n": number}))
        found = await operator.one(point)
        await eventually(lambda: behind(stage, point, 299))
        edited = json.dumps({"type": "numbered", "words": "hello", "n": -1})
        assert (await operator.resume(found["id"], {"payload": edited}))["outcome"] == "passed"
        numbers = [json.loads(said)["n"] for said in await heard(socket, 300)]
    assert numbers == [-1, *range(1, 300)]
    assert codes(await stage.findings("order")) == [("hold", "paused"), ("edit", "edited")]


async def behind(stage: Stage, point: str, count: int) -> bool:
    [listed] = await stage.operator.paused(point)
    return bool(listed["n_behind"] == count)


async def test_binary_messages_are_bytes(stage: Stage) -> None:
    operator = stage.operator
    async with stage.connect("binary") as socket:
        point = await operator.stop_at(f"session={await stage.session('binary')} from=client")
        await socket.send(b"\x00\xff\xfe")
        found = await operator.one(point)
        assert (found["text"], found["type"], found["data"]) == (False, "", b64encode(b"\x00\xff\xfe").decode())
        assert "payload" not in found
        await operator.resume(found["id"], {"data": b64encode(b"\xff" * 4).decode()})
        await operator.remove(point)
        assert await heard(socket, 1) == [b"\xff" * 4]
        told = await operator.ask(
            "POST", f"/api/sessions/{found['session']}/inject", {"from": "server", "data": b64encode(b"\x01\xff").decode()}, code=202
        )
        assert told["size"] == 2
        assert await heard(socket, 1) == [b"\x01\xff"]


async def test_text_that_is_no_json_may_be_any(stage: Stage) -> None:
    operator = stage.operator
    async with stage.connect("plain") as socket:
        point = await operator.stop_at(f"session={await stage.session('plain')} from=client words", once=True)
        await socket.send("just WORDS")
        found = await operator.one(point)
        await operator.resume(found["id"], {"payload": "other words"})
        assert await heard(socket, 1) == ["other words"]


async def test_a_message_that_would_break_the_session_is_refused(stage: Stage) -> None:
    operator = stage.operator
    async with stage.connect("checked") as socket:
        session = await stage.session("checked")
        point = await operator.stop_at(f"session={session} type=note", once=True)
        await socket.send('{"type": "note"}')
        name = (await operator.one(point))["id"]
        wrong = {
            "not json": "one JSON object, each name once: invalid JSON",
            "[1]": "one JSON object, each name once: not a JSON object",
            '{"a": 1, "a": 2}': "one JSON object, each name once: duplicate key 'a'",
            json.dumps({"long": "x" * 70_000}): "the message has 70012 bytes, limits.message allows 65536",
        }
        for payload, why in wrong.items():
            for path, body in (
                (f"/api/paused/{name}/resume", {"payload": payload}),
                (f"/api/sessions/{session}/inject", {"from": "client", "payload": payload}),
            ):
                error = (await operator.ask("POST", path, body, code=400))["error"]
                assert error["message"].endswith(why)
        bodies: tuple[Record, ...] = ({"payload": 5}, {"data": "%"}, {"payload": "{}", "data": ""}, {"text": "{}"})
        for other in bodies:
            await operator.resume(name, other, code=400)
        assert (await operator.all())["paused"][0]["id"] == name
        await operator.resume(name)
        assert await heard(socket, 1) == ['{"type": "note"}']


async def test_what_the_provider_said_last_goes_on_before_its_close(stage: Stage) -> None:
    operator = stage.operator
    async with stage.connect("leaving") as socket:
        point = await operator.stop_at(f"session={await stage.session('leaving')} type=last.words")
        await socket.send('{"type": "note", "words": "bye"}')
        await eventually(lambda: behind(stage, point, 1))
        await socket.send('{"type": "note", "words": "leave"}')
        assert await heard(socket, 2) == list(LAST)
        with pytest.raises(Exception, match="1011"):
            await asyncio.wait_for(socket.recv(), 20)
        assert (socket.close_code, socket.close_reason) == (1011, "overloaded")
        await operator.remove(point)
    assert codes(await stage.findings("leaving")) == [("hold", "paused"), ("release", "session_ended")]
