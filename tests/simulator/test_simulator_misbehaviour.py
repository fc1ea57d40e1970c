"""Every misbehaviour as a raw client sees it, and that each of them is in the manual."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.exceptions import ConnectionClosedError
from websockets.exceptions import InvalidStatus

from simulator import Script
from simulator import Simulator
from simulator.misbehaviour import TABLE
from simulator.misbehaviour import chosen
from simulator.misbehaviour import named

MANUAL = Path(__file__).parents[2] / "docs" / "simulator.md"
REFUSALS = [("refuse-401", 401), ("refuse-403", 403), ("refuse-429", 429), ("refuse-500", 500), ("echo-401", 401)]
HELLO = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Tell me a story"}]}


@pytest.fixture
async def sim() -> AsyncIterator[Simulator]:
    async with Simulator(pace=0) as running:
        yield running


def path(name: str) -> str:
    return f"/v1/realtime?model=gpt-realtime&sim={quote(name)}"


def meet(sim: Simulator, name: str, **options: Any) -> connect:
    return connect(sim.url + path(name), proxy=None, max_size=None, max_queue=None, **options)


async def ask(socket: ClientConnection) -> None:
    await socket.send(json.dumps({"type": "conversation.item.create", "item": HELLO}))
    await socket.send(json.dumps({"type": "response.create"}))


async def until_done(socket: ClientConnection) -> list[str | bytes]:
    seen: list[str | bytes] = []
    async with asyncio.timeout(10):
        async for message in socket:
            seen.append(message)
            if b'"type":"response.done"' in (message if isinstance(message, bytes) else message.encode()):
                break
    return seen


async def conversation(sim: Simulator, name: str) -> list[str | bytes]:
    async with meet(sim, name) as socket:
        await ask(socket)
        return await until_done(socket)


def types(messages: list[str | bytes]) -> list[str]:
    return [json.loads(message)["type"] for message in messages]


@pytest.mark.parametrize(("name", "status"), REFUSALS)
async def test_refused_upgrades(sim: Simulator, name: str, status: int):
    with pytest.raises(InvalidStatus) as refused:
        async with meet(sim, name, additional_headers={"Authorization": "Bearer sk-canary"}):
            pass
    response = refused.value.response
    assert response.status_code == status
    error = json.loads(response.body or b"")["error"]
    assert ("sk-canary" in error["message"]) == (name == "echo-401")
    assert response.headers.get("Retry-After") == ("7" if status == 429 else None)
    assert sim.connections[0].refused == status


async def test_redirect(sim: Simulator):
    reader, writer = await asyncio.open_connection(*sim.address.split(":"))
    writer.write(f"GET {path('redirect')} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 302 ")
    assert b"Location: ws://redirected.invalid/\r\n" in answer


async def test_handshake_without_an_answer(sim: Simulator):
    with pytest.raises(TimeoutError):
        async with meet(sim, "no-handshake", open_timeout=0.2):
            pass


async def test_hang_up_after_the_upgrade(sim: Simulator):
    async with meet(sim, "hang-up") as socket:
        with pytest.raises(ConnectionClosedError):
            await socket.recv()
    assert socket.close_code == 1006


async def test_credentials_echoed_in_an_event(sim: Simulator):
    async with meet(sim, "echo-headers", additional_headers={"Authorization": "Bearer sk-canary"}) as socket:
        assert "sk-canary" in json.loads(await socket.recv())["error"]["message"]
        assert types([await socket.recv()]) == ["session.created"]


async def test_drop_in_the_middle_of_an_answer(sim: Simulator):
    async with meet(sim, "drop") as socket:
        await ask(socket)
        seen = []
        with pytest.raises(ConnectionClosedError):
            while True:
                seen.append(await socket.recv())
    assert sum(kind.endswith(".delta") for kind in types(seen)) == 2
    assert socket.close_code == 1006


async def test_malformed_json_between_good_events(sim: Simulator):
    seen = await conversation(sim, "malformed-json")
    broken = [message for message in seen if not _parses(message)]
    assert len(broken) == 1
    assert types(seen[-1:]) == ["response.done"]


async def test_huge_frame(sim: Simulator):
    seen = await conversation(sim, "huge-frame")
    assert max(map(len, seen)) > 5 * 1024 * 1024
    assert types(seen)[-1] == "response.done"


async def test_deep_nesting(sim: Simulator):
    seen = await conversation(sim, "deep-nesting")
    assert sum(isinstance(message, str) and "[" * 10_000 in message for message in seen) == 1


@pytest.mark.parametrize(("name", "code"), [("bad-utf8", 1007), ("rsv1", 1002)])
async def test_frames_that_break_the_protocol(sim: Simulator, name: str, code: int):
    async with meet(sim, name) as socket:
        await ask(socket)
        with pytest.raises(ConnectionClosedError) as closed:
            await until_done(socket)
            await socket.recv()
    assert closed.value.sent is not None
    assert closed.value.sent.code == code


async def test_ping_flood_is_survived_by_who_answers(sim: Simulator):
    assert types(await conversation(sim, "ping-flood"))[-1] == "response.done"


async def test_stall_answers_everything_but_the_request_for_an_answer(sim: Simulator):
    async with meet(sim, "stall") as socket:
        await ask(socket)
        await socket.send(json.dumps({"type": "session.update", "session": {"type": "realtime"}}))
        seen = [await socket.recv() for _ in range(4)]
    assert types(seen) == ["session.created", "conversation.item.added", "conversation.item.done", "session.updated"]


async def test_slow_reader_fills_the_pipe(sim: Simulator):
    async with meet(sim, "slow-reader", close_timeout=0.1) as socket:
        assert types([await socket.recv()]) == ["session.created"]
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                while True:
                    await socket.send("x" * 1_000_000)
        socket.transport.abort()
    assert sum(map(len, sim.connections[0].messages)) == 0


async def test_fragments_with_pings_between(sim: Simulator):
    async with meet(sim, "fragments") as socket:
        pieces = [piece async for piece in socket.recv_streaming()]
        assert len([piece for piece in pieces if piece]) == 4
        assert json.loads("".join(pieces))["type"] == "session.created"
        await ask(socket)
        assert types(await until_done(socket))[-1] == "response.done"


async def test_json_in_binary_frames(sim: Simulator):
    seen = await conversation(sim, "binary-json")
    assert all(isinstance(message, bytes) for message in seen)
    assert types(seen)[-1] == "response.done"


async def test_duplicate_keys(sim: Simulator):
    seen = await conversation(sim, "duplicate-keys")
    assert all(str(message).startswith('{"type":"sim.first","type":"') for message in seen)


async def test_failed_response_without_usage(sim: Simulator):
    seen = await conversation(sim, "failed")
    assert types(seen)[-2:] == ["response.created", "response.done"]
    response = json.loads(seen[-1])["response"]
    assert (response["status"], response["usage"], response["status_details"]["type"]) == ("failed", None, "failed")


async def test_no_usage(sim: Simulator):
    assert "usage" not in json.loads((await conversation(sim, "no-usage"))[-1])["response"]


async def test_insufficient_quota(sim: Simulator):
    async with meet(sim, "insufficient-quota") as socket:
        await ask(socket)
        seen = [json.loads(await socket.recv()) for _ in range(4)]
    assert seen[-1]["error"]["code"] == "insufficient_quota"


async def test_session_expired(sim: Simulator):
    async with meet(sim, "session-expired") as socket:
        await ask(socket)
        seen = [message async for message in socket]
    assert json.loads(seen[-1])["error"]["code"] == "session_expired"
    assert socket.close_code == 1001


async def test_unknown_events(sim: Simulator):
    seen = types(await conversation(sim, "unknown-events"))
    assert seen[::2] == ["sim.novelty"] * (len(seen) // 2)
    assert seen[-1] == "response.done"


@pytest.mark.parametrize("code", [1000, 1008, 1011, 1013, 3000, 4001])
async def test_close_codes_with_a_reason(sim: Simulator, code: int):
    async with meet(sim, f"close-{code}") as socket:
        assert types([await socket.recv()]) == ["session.created"]
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (code, f"simulated close {code}")


async def test_chosen_by_model_and_by_script():
    async with Simulator(script=Script(misbehave="close-4002")) as sim:
        async with connect(f"{sim.url}/v1/realtime?model=gpt-realtime", proxy=None) as socket:
            await socket.wait_closed()
        assert socket.close_code == 4002
        async with connect(f"{sim.url}/v1/realtime?model=gpt-realtime-sim-close-4001", proxy=None) as socket:
            await socket.wait_closed()
        assert socket.close_code == 4001


async def test_unknown_misbehaviour_is_refused(sim: Simulator):
    with pytest.raises(InvalidStatus) as refused:
        async with meet(sim, "behave-badly"):
            pass
    assert refused.value.response.status_code == 400


def test_names():
    assert named("drop") is TABLE["drop-mid-answer"]
    assert named("refuse") is None
    assert named("close-1006") is None
    assert named("") is None
    assert chosen("", "sim-stall", None) is TABLE["stall"]
    assert chosen("stall", "sim-drop", "no-usage") is TABLE["stall"]
    assert chosen("", "gpt-realtime", None) is None


def test_the_manual_has_the_table():
    rows = {line.split("|")[1].strip(): line.split("|")[2].strip() for line in MANUAL.read_text().splitlines() if line.startswith("| `")}
    assert {f"`{name}`": row.summary for name, row in TABLE.items()}.items() <= rows.items()


def _parses(message: str | bytes) -> bool:
    try:
        json.loads(message)
    except ValueError:
        return False
    return True
