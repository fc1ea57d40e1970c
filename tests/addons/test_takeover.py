"""Live sockets change from mitmproxy's layers to our own transports: no byte is lost, doubled or moved, and nothing is left behind."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
import pytest_asyncio
from inprocess import PATIENCE
from inprocess import Inside
from inprocess import Upstream
from inprocess import Watch
from inprocess import addon
from inprocess import certified
from inprocess import client
from inprocess import handshake
from inprocess import hung_up
from inprocess import proxy_inside
from inprocess import serving
from inprocess import status_of
from mitmproxy import ctx
from mitmproxy import http
from mitmproxy.net.server_spec import ServerSpec
from proxying import RULES
from waiting import eventually

from addons import takeover
from addons.takeover import HIGH_WATER
from addons.takeover import Takeover
from realtime.framing import BINARY
from realtime.framing import CLOSE
from realtime.framing import encode

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROUTE = "routes: [{name: app, match: {door: intercept, host: localhost}, provider: plain, credential: client}]\n"
MASK = b"\x11\x22\x33\x44"


@dataclass
class Bench:
    """A proxy in front of two upstreams of one kind each, and what it took over."""

    proxy: Inside
    plain: Upstream
    sealed: Upstream
    ports: tuple[int, int]
    taken: list[Takeover]

    def point_at(self, upstream: Upstream) -> str:
        """The path that leads to an upstream."""
        return "/v1/realtime?model=" + ("plain/m" if upstream is self.plain else "sealed/m")


async def nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bench(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    folder: Path = tmp_path_factory.mktemp("takeover")
    tls, ca = certified(folder)
    plain, sealed = Upstream(nothing), Upstream(nothing)
    taken: list[Takeover] = []

    class Counted(Takeover):
        def __init__(self, *parts: Any) -> None:
            taken.append(self)
            super().__init__(*parts)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(takeover, "Takeover", Counted)
        async with serving(plain) as plain_port, serving(sealed, tls) as sealed_port:
            rules = RULES + "limits: {sessions: 500, per_key: 500}\n" + providers(plain_port, sealed_port) + ROUTE
            async with proxy_inside(folder, rules) as proxy:
                ctx.options.update(ssl_verify_upstream_trusted_ca=str(ca))
                yield Bench(proxy, plain, sealed, (plain_port, sealed_port), taken)


def providers(plain: int, sealed: int) -> str:
    lines = (("plain", "http", plain), ("sealed", "https", sealed))
    entries = (f'{name}: {{kind: compatible, url: "{scheme}://localhost:{port}/v1"}}' for name, scheme, port in lines)
    return f"providers: {{{', '.join(entries)}}}\n"


def stream(rng: random.Random, mask: bytes) -> bytes:
    """Frames of all sizes, ended by one that both sides know."""
    return b"".join(encode(BINARY, rng.randbytes(rng.choice((0, 1, 50, 125, 126, 900, 4000, 70_000))), mask) for _ in range(40))


async def write_in_pieces(writer: asyncio.StreamWriter, data: bytes, rng: random.Random) -> None:
    at = 0
    while at < len(data):
        size = rng.choice((1, 2, 3, 10, 200, 1460, 9000, 70_000))
        writer.write(data[at : at + size])
        at += size
        await asyncio.sleep(0 if rng.random() < 0.7 else rng.random() / 500)
        await writer.drain()


@pytest.mark.parametrize("client_tls", [False, True], ids=["plain client", "TLS client"])
@pytest.mark.parametrize("upstream_tls", [False, True], ids=["plain upstream", "TLS upstream"])
async def test_streams_stay_whole_while_sockets_are_taken_over(bench: Bench, client_tls: bool, upstream_tls: bool) -> None:
    """Both sides send at once: the server in one write with its 101, the client behind it or even with its request."""
    upstream = bench.sealed if upstream_tls else bench.plain
    to_client = {seed: stream(random.Random(seed), b"") for seed in range(25)}
    to_upstream = {seed: stream(random.Random(-1 - seed), MASK) for seed in range(25)}
    arrived: list[bytes] = []

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        size = int.from_bytes((await reader.readexactly(6 + 2))[6:], "big") ^ int.from_bytes(MASK[:2], "big")
        rng = random.Random(size)
        reading = asyncio.create_task(reader.readexactly(len(to_upstream[size])))
        await write_in_pieces(writer, to_client[size], rng)
        arrived.append(await reading)
        writer.write(encode(CLOSE, b""))
        await reader.read()

    async def session(seed: int) -> bytes:
        rng = random.Random(1000 + seed)
        async with client(bench.proxy.ready.gateway, bench.proxy.trust if client_tls else None) as (reader, writer):
            data = encode(BINARY, seed.to_bytes(2, "big"), MASK) + to_upstream[seed]
            early = rng.choice((0, 0, 5, 200, 5000))
            writer.write(handshake(bench.point_at(upstream)) + data[:early])
            assert await status_of(reader) == 101
            writing = asyncio.create_task(write_in_pieces(writer, data[early:], rng))
            greeting = await asyncio.wait_for(reader.readexactly(len(upstream.first)), PATIENCE)
            assert greeting == upstream.first
            received = await asyncio.wait_for(reader.readexactly(len(to_client[seed])), PATIENCE)
            await writing
            assert await asyncio.wait_for(reader.readexactly(2), PATIENCE) == encode(CLOSE, b"")
            writer.write(encode(CLOSE, b"", MASK))
            return received

    upstream.play, upstream.first, before = play, encode(BINARY, b"hello"), len(bench.taken)
    received = await asyncio.gather(*(session(seed) for seed in to_client))
    assert received == list(to_client.values())
    assert sorted(arrived) == sorted(to_upstream.values())
    assert len(bench.taken) - before == len(to_client), "every session was taken over"


class Listener:
    """What a user's script or an interface looks like to the proxy."""

    def __init__(self) -> None:
        self.messages = 0

    def websocket_message(self, flow: http.HTTPFlow) -> None:
        self.messages += 1


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Sends back what comes, unmasked, frame by frame of 1 byte payload, and mirrors the Close."""
    while True:
        head = await reader.readexactly(2)
        payload = await reader.readexactly(4 + (head[1] & 127))
        writer.write(encode(head[0] & 15, bytes(byte ^ mask for byte, mask in zip(payload[4:], payload[:4] * 32, strict=False))))


async def talk(bench: Bench, upstream: Upstream) -> None:
    """A whole session: a few frames each way, then a proper end."""
    async with client(bench.proxy.ready.gateway) as (reader, writer):
        writer.write(handshake(bench.point_at(upstream)))
        assert await status_of(reader) == 101
        for number in range(3):
            writer.write(encode(BINARY, bytes((number,)), MASK))
            assert await asyncio.wait_for(reader.readexactly(3), PATIENCE) == encode(BINARY, bytes((number,)))
        writer.write(encode(CLOSE, b"", MASK))
        assert await asyncio.wait_for(reader.read(), PATIENCE) == encode(CLOSE, b"")


async def test_with_a_listener_the_layers_stay(bench: Bench) -> None:
    bench.plain.play, bench.plain.first, before, listener = echo, b"", len(bench.taken), Listener()
    async with addon(listener):
        await talk(bench, bench.plain)
    assert listener.messages == 6
    assert len(bench.taken) == before
    await talk(bench, bench.plain)
    assert len(bench.taken) == before + 1


class Via:
    """A script that sends everything through another proxy."""

    def __init__(self, port: int) -> None:
        self.port = port

    def request(self, flow: http.HTTPFlow) -> None:
        flow.server_conn.via = ServerSpec(("http", ("127.0.0.1", self.port)))


async def connect_proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Another proxy, which knows CONNECT and nothing else."""
    target = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
    async with client(target) as (far_reader, far_writer):
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await asyncio.wait({asyncio.create_task(pump(reader, far_writer)), asyncio.create_task(pump(far_reader, writer))})
    await hung_up(writer)


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
    writer.close()


async def test_behind_another_proxy_the_layers_stay(bench: Bench) -> None:
    bench.plain.play, bench.plain.first, before = echo, b"", len(bench.taken)
    assert bench.proxy.ready.intercept is not None
    server = await asyncio.start_server(connect_proxy, "127.0.0.1", 0)
    async with addon(Via(server.sockets[0].getsockname()[1])), client(bench.proxy.ready.intercept) as (reader, writer):
        writer.write(f"CONNECT localhost:{bench.ports[0]} HTTP/1.1\r\n\r\n".encode())
        assert await status_of(reader) == 200
        writer.write(handshake("/v1/realtime?model=m", host=f"localhost:{bench.ports[0]}"))
        assert await status_of(reader) == 101
        writer.write(encode(BINARY, b"1", MASK))
        assert await asyncio.wait_for(reader.readexactly(3), PATIENCE) == encode(BINARY, b"1")
        [(session, _)] = bench.proxy.pipeline.tap.live.values()
        assert (session.door, session.up.frames) == ("intercept", 1)
        writer.write(encode(CLOSE, b"", MASK))
        assert await asyncio.wait_for(reader.read(), PATIENCE) == encode(CLOSE, b"")
    server.close()
    assert len(bench.taken) == before


async def test_the_gateway_lets_no_script_dial_elsewhere(bench: Bench) -> None:
    server = await asyncio.start_server(nothing, "127.0.0.1", 0)
    async with addon(Via(server.sockets[0].getsockname()[1])), client(bench.proxy.ready.gateway) as (reader, writer):
        writer.write(handshake(bench.point_at(bench.plain)))
        assert await status_of(reader) == 502
    server.close()


async def test_hooks_come_in_order_and_a_taken_over_session_ends_with_all_of_them(bench: Bench) -> None:
    bench.plain.play, bench.plain.first, before = echo, b"", len(bench.taken)
    watch = Watch()
    await eventually(lambda: not bench.proxy.connections)
    async with addon(watch):
        await talk(bench, bench.plain)
        await eventually(lambda: "client_disconnected" in watch.seen and "server_disconnected" in watch.seen)
    assert watch.seen[:9] == list(Watch.HOOKS[:9])
    assert sorted(watch.seen[9:]) == ["client_disconnected", "server_disconnected"]
    assert len(bench.taken) == before + 1


async def test_nothing_is_left_of_sessions_however_they_end(bench: Bench) -> None:
    """Descriptors and tasks, after warming up, are as many after 200 sessions as before."""

    async def dropped_by_client(upstream: Upstream) -> None:
        async with client(bench.proxy.ready.gateway) as (reader, writer):
            writer.write(handshake(bench.point_at(upstream)))
            assert await status_of(reader) == 101
            writer.transport.abort()

    async def round_of_sessions(count: int) -> None:
        for upstream in (bench.plain, bench.sealed):
            upstream.play, upstream.first = echo, b""
            await asyncio.gather(*(talk(bench, upstream) for _ in range(count)))
            await asyncio.gather(*(dropped_by_client(upstream) for _ in range(count)))
        await eventually(lambda: not bench.proxy.pipeline.tap.live and not bench.proxy.pipeline.tap.opening)

    process = psutil.Process()
    await round_of_sessions(5)
    await settled(lambda: len(asyncio.all_tasks()))
    tasks, descriptors = len(asyncio.all_tasks()), process.num_fds()
    await round_of_sessions(50)
    await eventually(lambda: len(asyncio.all_tasks()) <= tasks and process.num_fds() <= descriptors)


async def test_a_side_that_does_not_read_stops_the_other_but_not_itself(bench: Bench) -> None:
    """Memory stays bounded, what the stalled client says still arrives, and once it reads nothing is missing."""
    chunk = encode(BINARY, b"x" * 60_000)
    total = 600
    written = 0
    heard = asyncio.Event()

    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def listen() -> None:
            await reader.readexactly(len(encode(BINARY, b"still here", MASK)))
            heard.set()

        nonlocal written
        listening = asyncio.create_task(listen())
        for _ in range(total):
            writer.write(chunk)
            await writer.drain()
            written += 1
        await listening
        await reader.read()

    bench.plain.play, bench.plain.first = pour, b""
    async with client(bench.proxy.ready.gateway) as (reader, writer):
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(handshake(bench.point_at(bench.plain)))
        await eventually(lambda: any(isinstance(one.client.stalled_since, float) for one in bench.taken[-1:]))
        side = bench.taken[-1].client
        await settled(lambda: written)
        assert written < total / 2
        assert side.transport.get_write_buffer_size() < 2 * HIGH_WATER
        writer.write(encode(BINARY, b"still here", MASK))
        await asyncio.wait_for(heard.wait(), PATIENCE)
        writer.transport.resume_reading()  # type: ignore[attr-defined]
        assert await status_of(reader) == 101
        for _ in range(total):
            assert await asyncio.wait_for(reader.readexactly(len(chunk)), PATIENCE) == chunk
        assert side.stalled_since is None


async def test_a_side_that_does_not_read_for_too_long_is_given_up(bench: Bench) -> None:
    closed: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def flood() -> None:
            while True:
                writer.write(encode(BINARY, b"x" * 60_000))
                await writer.drain()

        flooding = asyncio.create_task(flood())
        head = await reader.readexactly(6)
        payload = await reader.readexactly(head[1] & 127)
        closed.set_result(bytes(byte ^ mask for byte, mask in zip(payload, head[2:] * 32, strict=False)))
        flooding.cancel()

    bench.plain.play, bench.plain.first = pour, b""
    with limits(bench, "write: 1s"):
        await eventually(lambda: bench.proxy.pipeline.tap.rules.limits.write == 1.0)
        async with client(bench.proxy.ready.gateway) as (_, writer):
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            writer.write(handshake(bench.point_at(bench.plain)))
            told = await asyncio.wait_for(closed, PATIENCE)
            await eventually(lambda: not bench.proxy.pipeline.tap.live)
    assert (int.from_bytes(told[:2], "big"), told[2:]) == (1008, b"a side did not read for 1 s")


@contextmanager
def limits(bench: Bench, more: str) -> Iterator[None]:
    """Other limits in the rules file, for a while."""
    before = bench.proxy.rules.read_text()
    bench.proxy.rules.write_text(before.replace("limits: {", f"limits: {{{more}, "))
    try:
        yield
    finally:
        bench.proxy.rules.write_text(before)


async def settled(value: Callable[[], int]) -> None:
    """Wait until a number stays the same for a while."""
    same, last = 0, value()
    async with asyncio.timeout(PATIENCE):
        while same < 30:
            await asyncio.sleep(0.01)
            same, last = (same + 1, last) if value() == last else (0, value())
