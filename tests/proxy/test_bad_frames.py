"""Messages that no parser likes, from either side: forwarded byte for byte, noted in the record, and no way around a model rule."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest
import pytest_asyncio
from proxying import OTHER_KEY
from proxying import RULES
from proxying import Proxy
from proxying import started_proxy
from rawsocket import BINARY
from rawsocket import CLOSE
from rawsocket import CONTINUATION
from rawsocket import TEXT
from rawsocket import RawSocket
from rawsocket import RawUpstream
from rawsocket import echo
from rawsocket import raw_upstream
from rawsocket import upgraded
from recorded import Shown
from recorded import named
from recorded import shown

from simulator import Simulator

pytestmark = pytest.mark.asyncio(loop_scope="module")

ECHO = "/v1/realtime?model=raw/echo"
SIM = "/v1/realtime?model=sim/gpt-realtime-sim-"

STRANGE: dict[str, tuple[int, bytes, str | None]] = {
    "cut off": (TEXT, b'{"type":"response.create","response":{"instr', "invalid JSON"),
    "empty": (TEXT, b"", "invalid JSON"),
    "no object": (TEXT, b'["response.create"]', "not a JSON object"),
    "a number": (TEXT, b"1e999", "not a JSON object"),
    "trailing comma": (TEXT, b'{"type":"response.cancel",}', "invalid JSON"),
    "byte order mark": (TEXT, b'\xef\xbb\xbf{"type":"response.cancel"}', "invalid JSON"),
    "duplicate keys": (TEXT, b'{"type":"response.cancel","type":"made.up"}', "duplicate key 'type'"),
    "deep nesting": (TEXT, b'{"type":"made.up","deep":' + b"[" * 20_000 + b"]" * 20_000 + b"}", "nested too deeply"),
    "type is a list": (TEXT, b'{"type":["response.create"]}', None),
    "type is missing": (TEXT, b'{"event_id":"e1"}', None),
    "lone surrogate": (TEXT, b'{"type":"made.up\\ud83d","x":"\\udc00"}', None),
    "not a number": (TEXT, b'{"type":"made.up","x":NaN,"y":-Infinity,"z":1e400}', None),
    "huge integer": (TEXT, b'{"type":"made.up","x":' + b"9" * 5000 + b"}", "a number with too many digits"),
    "escaped type": (TEXT, b'{"t\\u0079pe":"made\\u002eup"}', None),
    "zero bytes": (TEXT, b'{"type":"made.up","x":"\x00"}', "invalid JSON"),
    "control characters": (TEXT, b'{"type":"made.up","x":"\\u001b[2J\xe2\x80\xae\\u0000"}', None),
    "empty binary": (BINARY, b"", "invalid JSON"),
    "sound": (BINARY, bytes(range(256)) * 8, "not UTF-8"),
    "JSON in binary": (BINARY, b'{"type":"made.up"}', None),
    "five megabytes": (TEXT, b'{"type":"made.up","x":"' + b"A" * (5 << 20) + b'"}', None),
}


@dataclass
class Stage:
    proxy: Proxy
    raw: RawUpstream
    simulator: Simulator


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with AsyncExitStack() as stack:
        raw = await stack.enter_async_context(raw_upstream({"echo": echo, "gpt-realtime-echo": echo}))
        simulator = await stack.enter_async_context(Simulator(pace=0))
        rules = f"""{RULES}
providers:
  raw: {{kind: compatible, url: "http://{raw.address}/v1"}}
  sim: {{kind: simulator, url: "http://{simulator.address}"}}
"""
        proxy = await stack.enter_async_context(started_proxy(tmp_path_factory.mktemp("frames"), rules))
        yield Stage(proxy, raw, simulator)


@pytest.mark.parametrize("what", STRANGE)
async def test_it_crosses_both_ways_unchanged_and_is_noted(stage: Stage, what: str) -> None:
    opcode, payload, flaw = STRANGE[what]
    name = f"strange-{what.replace(' ', '-')}"
    async with upgraded(stage.proxy.gateway, ECHO, headers=named(name)) as client:
        await client.send(opcode, payload)
        assert await client.read_frame() == (opcode, payload)
        await client.send(TEXT, b'{"type":"still.here"}')
        assert await client.read_frame() == (TEXT, b'{"type":"still.here"}')
        await client.send(CLOSE, b"\x03\xe8")
        assert await client.read_close() == (1000, "")
    found = await shown(stage.proxy.data, name)
    unreadable = found.session["unreadable"]
    assert {flaw_of.partition(": ")[2] for flaw_of in unreadable} == ({flaw} if flaw else set())
    if flaw and "many digits" not in flaw:  # a number is only looked at where the message is of interest
        assert unreadable == {f"client: {flaw}": 1, f"upstream: {flaw}": 1}
    assert found.session["frames"] == {side: {"frames": 2, "bytes": len(payload) + 21} for side in ("client", "upstream")}
    assert not [line for line in stage.proxy.output if "Traceback" in line]


@pytest.mark.parametrize(
    ("misbehaviour", "flaw"),
    [("malformed-json", "invalid JSON"), ("deep-nesting", "nested too deeply"), ("duplicate-keys", "duplicate key 'type'")],
)
async def test_a_turn_survives_strange_messages_of_its_provider(stage: Stage, misbehaviour: str, flaw: str) -> None:
    found = await one_answer(stage, misbehaviour)
    assert list(found.session["unreadable"]) == [f"upstream: {flaw}"]
    assert found.turns[0]["status"] == "completed"
    assert found.session["usage"]["total_tokens"] > 0


async def test_events_in_binary_messages_are_followed_like_others(stage: Stage) -> None:
    found = await one_answer(stage, "binary-json")
    assert found.session["unreadable"] == {}
    assert (found.turns[0]["status"], found.turns[0]["output"]) == ("completed", "Hello! How can I help you today?")


async def one_answer(stage: Stage, misbehaviour: str) -> Shown:
    """The record of a session with one answer from a provider that misbehaves."""
    async with stage.proxy.connect(f"{SIM}{misbehaviour}", headers=named(misbehaviour)) as client:
        await client.send('{"type":"response.create"}')
        while b'"response.done"' not in await asyncio.wait_for(client.recv(decode=False), 20):
            pass
    return await shown(stage.proxy.data, misbehaviour)


UPDATE = b'{"type":"session.update","session":{"type":"realtime","model":"secret-model"}}'
SMUGGLED = {
    "plain": [(TEXT, UPDATE)],
    "binary": [(BINARY, UPDATE)],
    "fragmented": [(TEXT, UPDATE[:20]), (CONTINUATION, UPDATE[20:50]), (CONTINUATION, UPDATE[50:])],
    "escaped type": [(TEXT, UPDATE.replace(b"session.update", b"session\\u002eupdate"))],
    "escaped key": [(TEXT, UPDATE.replace(b'"model"', b'"mod\\u0065l"'))],
    "harmless first type": [(TEXT, b'{"type":"response.cancel",' + UPDATE[1:])],
    "harmless last type": [(TEXT, UPDATE[:-1] + b',"type":"response.cancel"}')],
    "harmless first model": [(TEXT, UPDATE.replace(b'"model"', b'"model":"gpt-realtime","model"'))],
    "deep": [(TEXT, UPDATE[:-1] + b',"x":' + b"[" * 100 + b"]" * 100 + b"}")],
    "trailing comma": [(TEXT, UPDATE[:-1] + b",}")],
    "byte order mark": [(TEXT, b"\xef\xbb\xbf" + UPDATE)],
    "utf-16": [(BINARY, UPDATE.decode().encode("utf-16-le"))],
    "utf-16 text": [(TEXT, UPDATE.decode().encode("utf-16-le"))],
}


@pytest.mark.parametrize("how", SMUGGLED)
async def test_a_restricted_key_smuggles_no_model_in(stage: Stage, how: str) -> None:
    path, key = "/v1/realtime?model=raw/gpt-realtime-echo", {"Authorization": f"Bearer {OTHER_KEY}"}
    async with upgraded(stage.proxy.gateway, path, headers=key) as client:
        provider = stage.raw.seen[-1]
        frames = SMUGGLED[how]
        for number, (opcode, payload) in enumerate(frames, 1):
            await client.send(opcode, payload, final=number == len(frames))
        error = json.loads(await client.read_message())["error"]
        assert error["code"] in ("model_not_allowed", "ambiguous_event")
        await client.send(TEXT, b'{"type":"still.here"}')
        assert await client.read_message() == b'{"type":"still.here"}'
    await asyncio.wait_for(stage.raw.ended[-1].wait(), 20)
    assert b'"still.here"' in (sent := unmasked(provider))
    assert not [word for word in (b"secret-model", b"s\0e\0c\0r\0e\0t") if word in sent]


def unmasked(connection: RawSocket) -> bytes:
    """Everything a provider received, each frame's payload laid open."""
    data, opened = bytes(connection.received).partition(b"\r\n\r\n")[2], b""
    while data:
        size, start = data[1] & 127, 2
        if size > 125:
            start = 4 if size == 126 else 10
            size = int.from_bytes(data[2:start], "big")
        mask = data[start : start + 4]
        opened += bytes(byte ^ mask[place % 4] for place, byte in enumerate(data[start + 4 : start + 4 + size]))
        data = data[start + 4 + size :]
    return opened
