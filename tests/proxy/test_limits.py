"""Limits of the rules and of the wire, each just below, at and above: what passes, and with which code it ends otherwise."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from hashlib import sha256

import pytest
import pytest_asyncio
from proxying import KEY
from proxying import OTHER_KEY
from proxying import RULES
from proxying import Proxy
from proxying import close_of
from proxying import started_proxy
from rawsocket import CLOSE
from rawsocket import CONTINUATION
from rawsocket import PING
from rawsocket import PONG
from rawsocket import TEXT
from rawsocket import RawSocket
from rawsocket import RawUpstream
from rawsocket import accept
from rawsocket import dialled
from rawsocket import frame
from rawsocket import handshake
from rawsocket import raw_upstream
from rawsocket import upgraded
from recorded import ended
from recorded import named
from reloading import reloaded
from waiting import eventually
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from simulator import Simulator
from store.reader import LogReader

pytestmark = pytest.mark.asyncio(loop_scope="module")

LIMIT = 64 * 1024
LIMITS = f"limits: {{message: {LIMIT // 1024}KiB, handshake: 1s}}"
RAW = "/v1/realtime?model=raw/"
SIM = "/v1/realtime?model=sim/gpt-realtime"
BROKEN = (1011, "upstream connection lost")
"""What the client is told when the provider broke the protocol."""


@dataclass
class Stage:
    proxy: Proxy
    raw: RawUpstream
    simulator: Simulator


async def collect(connection: RawSocket) -> None:
    """Reads until a Close."""
    await accept(connection)
    await connection.read_close()


async def oblige(connection: RawSocket) -> None:
    """Sends a message as the client asks: {"size": bytes, "parts": fragments}."""
    await accept(connection)
    wish = json.loads(await connection.read_message())
    message = sized(wish["size"])
    await send_in_parts(connection, message, wish["parts"])
    await connection.read_close()


async def hesitate(connection: RawSocket) -> None:
    """Never answers the handshake."""
    await connection.read_to_end()


PLAYS = {"collect": collect, "oblige": oblige, "hesitate": hesitate, "": hesitate}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with AsyncExitStack() as stack:
        raw = await stack.enter_async_context(raw_upstream(PLAYS))
        simulator = await stack.enter_async_context(Simulator(pace=0))
        rules = f"""{RULES}{LIMITS}
providers:
  raw: {{kind: compatible, url: "http://{raw.address}/v1"}}
  sim: {{kind: simulator, url: "http://{simulator.address}"}}
"""
        proxy = await stack.enter_async_context(started_proxy(tmp_path_factory.mktemp("limits"), rules))
        yield Stage(proxy, raw, simulator)


def sized(size: int) -> bytes:
    """A JSON message of exactly so many bytes."""
    empty = json.dumps({"type": "input_audio_buffer.append", "audio": ""}).encode()
    return empty.replace(b'""', b'"' + b"A" * (size - len(empty)) + b'"')


async def send_in_parts(connection: RawSocket, message: bytes, parts: int) -> None:
    step = -(-len(message) // parts)
    for number in range(parts):
        part = message[number * step : (number + 1) * step]
        await connection.send(TEXT if number == 0 else CONTINUATION, part, final=number == parts - 1)


@pytest.mark.parametrize("parts", [1, 3])
@pytest.mark.parametrize("size", [LIMIT - 1, LIMIT, LIMIT + 1])
async def test_a_clients_message_at_the_limit(stage: Stage, size: int, parts: int) -> None:
    async with upgraded(stage.proxy.gateway, f"{RAW}collect", headers=named(f"up-{size}-{parts}")) as client:
        await send_in_parts(client, sized(size), parts)
        await client.send(CLOSE, b"")
        code, reason = await client.read_close()
    over = stage.raw.ended[-1]
    await asyncio.wait_for(over.wait(), 20)
    arrived = sum(len(payload) for payload in payloads(stage.raw.seen[-1]))
    if size <= LIMIT:
        assert (code, arrived) == (1005, size)
    else:
        assert (code, reason) == (1009, f"message of at least {LIMIT + 1} bytes, at most {LIMIT} are allowed")
        assert arrived == 0
        found = await ended(stage.proxy.data, f"up-{size}-{parts}")
        assert found["close"] == {"code": 1009, "reason": f"{reason} (from the client)", "side": "proxy"}


@pytest.mark.parametrize("parts", [1, 3])
@pytest.mark.parametrize("size", [LIMIT - 1, LIMIT, LIMIT + 1])
async def test_a_providers_message_at_the_limit(stage: Stage, size: int, parts: int) -> None:
    async with stage.proxy.connect(f"{RAW}oblige", headers=named(f"down-{size}-{parts}")) as client:
        await client.send(json.dumps({"size": size, "parts": parts}))
        if size <= LIMIT:
            assert await client.recv(decode=False) == sized(size)
            return
        event = json.loads(await client.recv())
        assert event["error"]["code"] == "message_too_big"
        reason = f"message of at least {LIMIT + 1} bytes, at most {LIMIT} are allowed"
        assert await close_of(client) == (1009, reason)
    found = await ended(stage.proxy.data, f"down-{size}-{parts}")
    assert found["close"] == {"code": 1009, "reason": f"{reason} (from the upstream)", "side": "proxy"}


async def test_sixteen_mebibytes_pass_unchanged_where_they_are_allowed(stage: Stage) -> None:
    message = sized(16 << 20)
    async with (
        reloaded(stage.proxy, f"message: {LIMIT // 1024}KiB", "message: 16MiB"),
        stage.proxy.connect(f"{RAW}collect") as client,
    ):
        await client.send(message.decode())
        provider, over = stage.raw.seen[-1], stage.raw.ended[-1]
        await client.close()
        await asyncio.wait_for(over.wait(), 30)
    (arrived,) = [payload for payload in payloads(provider) if len(payload) > 2]
    assert sha256(arrived).digest() == sha256(message).digest()


def payloads(connection: RawSocket) -> list[bytes]:
    """What the text frames that a provider received have in them."""
    data = bytes(connection.received).partition(b"\r\n\r\n")[2]
    found = []
    while data:
        size, start = data[1] & 127, 2
        if size > 125:
            start = 4 if size == 126 else 10
            size = int.from_bytes(data[2:start], "big")
        mask, body = data[start : start + 4], data[start + 4 : start + 4 + size]
        if data[0] & 15 in (CONTINUATION, TEXT):
            key = (mask * (size // 4 + 1))[:size]
            found.append((int.from_bytes(body, "big") ^ int.from_bytes(key, "big")).to_bytes(size, "big"))
        data = data[start + 4 + size :]
    return found


VIOLATIONS = {
    "rsv1": (frame(TEXT, b"{}", masked=True, reserved=4), 1002, "reserved bits are set"),
    "not masked": (frame(TEXT, b"{}", masked=False), 1002, "frame is not masked"),
    "not utf-8": (frame(TEXT, b'{"type":"\xff\xfe"}', masked=True), 1007, "text is not UTF-8"),
    "opcode 3": (frame(3, b"{}", masked=True), 1002, "unknown opcode 3"),
    "opcode 11": (frame(11, b"", masked=True), 1002, "unknown opcode 11"),
    "fragmented ping": (frame(PING, b"x", masked=True, final=False), 1002, "control frame is too long or fragmented"),
    "long ping": (frame(PING, b"x" * 126, masked=True), 1002, "control frame is too long or fragmented"),
    "loose continuation": (frame(CONTINUATION, b"x", masked=True), 1002, "continuation of nothing"),
    "begun twice": (frame(TEXT, b"{", masked=True, final=False) + frame(TEXT, b"{", masked=True), 1002, "message begun inside another"),
    "close of one byte": (frame(CLOSE, b"\x03", masked=True), 1002, "invalid close frame"),
    "close with 1006": (frame(CLOSE, b"\x03\xee", masked=True), 1002, "invalid close frame"),
    "length of 2^63": (b"\x81\xff" + b"\xff" * 12, 1009, f"message of at least {2**64 - 1} bytes, at most {LIMIT} are allowed"),
}


@pytest.mark.parametrize("what", VIOLATIONS)
async def test_a_client_that_breaks_the_protocol_is_told_the_code_for_it(stage: Stage, what: str) -> None:
    data, code, reason = VIOLATIONS[what]
    before = frame(TEXT, b'{"type":"said.before"}', masked=True)
    async with upgraded(stage.proxy.gateway, f"{RAW}collect") as client:
        await client.write(before + data + frame(TEXT, b'{"type":"said.after"}', masked=True))
        assert await client.read_close() == (code, reason)
    await asyncio.wait_for(stage.raw.ended[-1].wait(), 20)
    assert payloads(stage.raw.seen[-1]) == [b'{"type":"said.before"}']


@pytest.mark.parametrize(("misbehaviour", "reason"), [("rsv1", "reserved bits are set"), ("bad-utf8", "text is not UTF-8")])
async def test_a_provider_that_breaks_the_protocol_is_an_error_to_the_client(stage: Stage, misbehaviour: str, reason: str) -> None:
    async with stage.proxy.connect(f"{SIM}-sim-{misbehaviour}", headers=named(misbehaviour)) as client:
        await client.send('{"type":"response.create"}')
        assert await close_of(client) == BROKEN
    found = await ended(stage.proxy.data, misbehaviour)
    assert found["close"]["reason"] == f"{reason} (from the upstream)"
    await asyncio.wait_for(stage.simulator.connections[-1].ended.wait(), 20)
    assert stage.simulator.connections[-1].close_code == {"rsv1": 1002, "bad-utf8": 1007}[misbehaviour]


@pytest.mark.parametrize("misbehaviour", ["ping-flood", "fragments", "huge-frame"])
async def test_a_strange_but_lawful_provider_passes(stage: Stage, misbehaviour: str) -> None:
    async with (
        reloaded(stage.proxy, f"message: {LIMIT // 1024}KiB", "message: 16MiB"),
        stage.proxy.connect(f"{SIM}-sim-{misbehaviour}") as client,
    ):
        await client.send('{"type":"response.create"}')
        sizes, kinds = [], []
        while "response.done" not in kinds:
            message = await asyncio.wait_for(client.recv(), 20)
            sizes.append(len(message))
            kinds.append(json.loads(message)["type"])
    assert (max(sizes) > 5 << 20) == (misbehaviour == "huge-frame")


async def test_neither_leg_has_extensions_whatever_is_asked_for(stage: Stage) -> None:
    wish = {"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits, x-webkit-deflate-frame"}
    async with upgraded(stage.proxy.gateway, f"{RAW}collect", headers=wish) as client:
        assert "sec-websocket-extensions" not in client.headers
        assert "sec-websocket-extensions" not in stage.raw.seen[-1].headers


async def test_an_idle_session_ends_with_its_own_reason(stage: Stage) -> None:
    async with (
        reloaded(stage.proxy, LIMITS, LIMITS.replace("{", "{idle: 1s, ")),
        upgraded(stage.proxy.gateway, f"{RAW}collect", headers=named("idle")) as client,
    ):
        for _ in range(4):
            await client.send(PING, b"still here")
            assert (await client.read_frame())[0] == PONG
        event = json.loads(await client.read_message())
        assert event["error"]["message"] == "idle for 1 s"
        assert await client.read_close() == (1008, "idle for 1 s")
    assert (await ended(stage.proxy.data, "idle"))["close"] == {"code": 1008, "reason": "idle for 1 s", "side": "proxy"}


async def test_a_session_does_not_outlast_its_limit_however_busy(stage: Stage) -> None:
    async with (
        reloaded(stage.proxy, LIMITS, LIMITS.replace("{", "{session: 1s, ")),
        stage.proxy.connect(SIM, headers=named("long")) as client,
    ):
        busy = asyncio.create_task(keep_talking(client))
        assert await close_of(client) == (1001, "session limit of 1 s reached")
        await busy
    assert (await ended(stage.proxy.data, "long"))["close"]["side"] == "proxy"


async def keep_talking(client: ClientConnection) -> None:
    try:
        while True:
            await client.send('{"type":"session.update","session":{"type":"realtime"}}')
            await asyncio.sleep(0.1)
    except ConnectionClosed:
        pass


async def test_a_provider_that_does_not_answer_the_handshake_is_given_up(stage: Stage) -> None:
    async with dialled(stage.proxy.gateway) as client:
        await client.write(handshake(f"{RAW}hesitate", headers=named("hesitating")))
        await client.read_head()
        error = json.loads(await client.read_body())["error"]
    assert (client.status, error["code"]) == (504, "upstream_timeout")
    assert error["message"] == "provider raw did not answer within 1 s"
    await asyncio.wait_for(stage.raw.ended[-1].wait(), 20)
    assert (await ended(stage.proxy.data, "hesitating"))["error"]["status"] == 504


@pytest.mark.parametrize(
    ("limit", "message"),
    [("per_key: 2", "2 sessions are open of key tester"), ("sessions: 2", "2 sessions are open in all")],
)
async def test_one_session_more_than_allowed_is_refused_until_one_ends(stage: Stage, limit: str, message: str) -> None:
    async with reloaded(stage.proxy, LIMITS, LIMITS.replace("{", f"{{{limit}, ")):
        await quiet(stage.proxy)
        async with upgraded(stage.proxy.gateway, SIM) as first, upgraded(stage.proxy.gateway, SIM):
            status, error, headers = await refused(stage.proxy)
            assert (status, error["type"], error["code"]) == (429, "rate_limit_error", "too_many_sessions")
            assert error["message"] == f"{message}, at most 2 are allowed"
            assert headers["retry-after"] == "5"
            if limit.startswith("per_key"):
                async with stage.proxy.connect(SIM, key=OTHER_KEY) as another:
                    await another.recv()
            await first.send(CLOSE, b"")
            await first.read_close()
            await first.read_to_end()
            async with upgraded(stage.proxy.gateway, SIM) as next_one:
                await next_one.read_message()


async def test_many_at_once_do_not_slip_past_the_limit(stage: Stage) -> None:
    await quiet(stage.proxy)
    async with reloaded(stage.proxy, LIMITS, LIMITS.replace("{", "{per_key: 5, ")), AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(dialled(stage.proxy.gateway)) for _ in range(12)]
        await asyncio.gather(*(client.write(handshake(SIM)) for client in clients))
        await asyncio.gather(*(client.read_head() for client in clients))
        assert sorted(client.status for client in clients) == [101] * 5 + [429] * 7


async def quiet(proxy: Proxy) -> None:
    """Wait until no session of an earlier test is open."""
    for _ in range(400):
        if all(row["ended_at"] for row in LogReader(proxy.data).sessions()):
            return
        await asyncio.sleep(0.05)
    raise AssertionError("a session is still open")


async def refused(proxy: Proxy) -> tuple[int, dict[str, str], dict[str, str]]:
    async with dialled(proxy.gateway) as client:
        await client.write(handshake(SIM))
        await client.read_head()
        return client.status, json.loads(await client.read_body())["error"], client.headers


SLOW = {
    "nothing": (b"", b""),
    "half a head": (b"GET /v1/realtime HTTP/1.1\r\nHost: localhost\r\n", b"X-A: b\r\n"),
    "half a body": (
        f"POST /v1/realtime/sessions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {KEY}\r\nContent-Length: 1000\r\n\r\n".encode(),
        b"x",
    ),
    "half a TLS handshake": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", b"\x03"),
    "after an answer": (b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\nGET /v1/mod", b"e"),
}


INTERCEPTED = ("nothing", "half a head", "half a TLS handshake")
"""Bodies and kept connections are the app's own affair there."""


@pytest.mark.parametrize(("door", "what"), [*(("gateway", what) for what in SLOW), *(("intercept", what) for what in INTERCEPTED)])
async def test_who_takes_too_long_to_ask_is_hung_up_on(stage: Stage, door: str, what: str) -> None:
    first, more = SLOW[what]
    async with dialled(getattr(stage.proxy, door)) as client:
        await client.write(first)
        trickle = asyncio.create_task(drip(client, more))
        answer = await client.read_to_end()
        await trickle
    assert (b"HTTP/1.1 401" in answer) == (what == "after an answer")


async def drip(client: RawSocket, data: bytes) -> None:
    """A little every now and then, for as long as it is taken."""
    try:
        for _ in range(200 if data else 0):
            await client.write(data)
            await asyncio.sleep(0.1)
    except OSError:
        return
    assert not data, "it was let to go on"


async def test_a_tunnel_without_traffic_is_left_alone(stage: Stage) -> None:
    async with dialled(stage.proxy.intercept) as client:
        await client.write(f"CONNECT {stage.raw.address} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        await client.read_head()
        assert client.status == 200
        await asyncio.sleep(1.5)
        await client.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await eventually(lambda: bool(stage.raw.seen) and "GET / HTTP/1.1" in stage.raw.seen[-1].head)
