"""The places of mitmproxy's private API that voicetap stands on: they exist, they behave as assumed, another version is refused."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from inprocess import PATIENCE
from inprocess import Inside
from inprocess import Upstream
from inprocess import addon
from inprocess import client
from inprocess import handshake
from inprocess import proxy_inside
from inprocess import serving
from mitmproxy import http
from mitmproxy import version
from mitmproxy.proxy import layers
from mitmproxy.proxy import server
from mitmproxy.proxy.layers.http import HttpClient
from mitmproxy.proxy.layers.http import HttpLayer
from mitmproxy.proxy.layers.http import HttpStream
from mitmproxy.proxy.layers.http import _http1
from mitmproxy.proxy.layers.tls import ClientTLSLayer
from mitmproxy.proxy.layers.tls import ServerTLSLayer
from OpenSSL import SSL
from proxying import RULES
from waiting import eventually

from addons.main import Settings
from addons.main import StartError
from addons.main import serve
from addons.relay import RelayLayer
from addons.seam import TESTED
from addons.seam import UnsupportedMitmproxy
from addons.seam import install
from web.control import make_app

pytestmark = pytest.mark.asyncio(loop_scope="module")

WRONG = "vt_" + "w" * 43


@dataclass
class Bench:
    proxy: Inside
    upstream: Upstream


async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bench(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    upstream = Upstream(listen)
    async with serving(upstream) as port:
        entries = (f'up: {{kind: compatible, url: "http://127.0.0.1:{port}/v1"}}', 'dead: {kind: compatible, url: "http://127.0.0.1:9/v1"}')
        rules = f"{RULES}providers: {{{', '.join(entries)}}}\n"
        async with proxy_inside(tmp_path_factory.mktemp("seam"), rules) as proxy:
            yield Bench(proxy, upstream)


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def error(self) -> Any:
        return json.loads(self.body)["error"]


async def answer(reader: asyncio.StreamReader) -> Answer:
    head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE)).decode("latin-1")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head.split("\r\n")[1:])}
    body = await asyncio.wait_for(reader.readexactly(int(headers.get("content-length", 0))), PATIENCE)
    return Answer(int(head.split(" ", 2)[1]), headers, body)


@pytest.mark.parametrize("other", ["12.2.2", "12.3.0", "13.0.0.dev", "11.1.3"])
async def test_a_mitmproxy_outside_the_tested_range_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, other: str) -> None:
    monkeypatch.setattr(version, "VERSION", other)
    with pytest.raises(UnsupportedMitmproxy, match=r"is installed, voicetap is tested with 12\.2\.3 up to 12\.3"):
        install(RelayLayer)
    (tmp_path / "rules.yaml").write_text(RULES)
    with pytest.raises(StartError, match=other):
        await serve(Settings(tmp_path / "rules.yaml", tmp_path / "data"), make_app, on_ready=lambda ready: None)


async def test_the_locked_version_is_the_tested_one() -> None:
    locked = (Path(__file__).parents[2] / "requirements.txt").read_text()
    assert f"mitmproxy=={'.'.join(map(str, TESTED[0]))}" in locked


PRIVATE = (
    (layers.websocket, "WebsocketLayer"),
    (server.ConnectionHandler, "drain_writers"),
    (HttpStream, "handle_protocol_error"),
    (HttpStream, "check_body_size"),
    (_http1.Http1Server, "read_headers"),
    (_http1, "make_error_response"),
)


@pytest.mark.parametrize(("owner", "name"), PRIVATE, ids=[name for _, name in PRIVATE])
async def test_what_the_seam_replaces_is_there(owner: object, name: str) -> None:
    assert callable(getattr(owner, name))


async def test_install_replaces_and_may_be_repeated() -> None:
    install(RelayLayer)
    install(RelayLayer)
    assert layers.websocket.WebsocketLayer is RelayLayer
    assert server.ConnectionHandler.drain_writers.__module__ == "addons.seam"


async def test_what_the_takeover_reads_is_there(bench: Bench) -> None:
    """On live objects, since most of it are attributes of instances."""
    seen: list[Any] = []

    class Look:
        def websocket_start(self, flow: http.HTTPFlow) -> None:
            handler = bench.proxy.connections[flow.client_conn.id]
            seen.extend((handler, handler.transports[flow.client_conn], handler.layer))

    async with addon(Look()), client(bench.proxy.ready.gateway) as (reader, writer):
        writer.write(handshake("/v1/realtime?model=up/m"))
        assert (await answer(reader)).status == 101
    handler, io, outer = seen
    assert isinstance(handler._server_event_lock, asyncio.Lock)
    assert isinstance(io.reader._buffer, bytearray)
    assert hasattr(io.reader, "_waiter")
    assert isinstance(io.writer.transport, asyncio.Transport)
    streams = [one for one in outer.context.layers if isinstance(one, HttpLayer)]
    assert {type(one) for one in streams[0].connections.values()} == {_http1.Http1Server, HttpClient}
    assert issubclass(ClientTLSLayer, layers.tls.TLSLayer) and issubclass(ServerTLSLayer, layers.tls.TLSLayer)
    assert layers.tls.TLSLayer.__annotations__["tls"] is SSL.Connection


async def test_a_refused_upgrade_dials_nobody_and_leaves_the_connection_usable(bench: Bench) -> None:
    before = bench.upstream.dialled
    async with client(bench.proxy.ready.gateway) as (reader, writer):
        for path, key, expected in (
            ("/v1/realtime?model=up/m", WRONG, 401),
            ("/v1/nowhere", WRONG, 404),
            ("/v1/realtime?model=nobody/m", None, 400),
        ):
            writer.write(handshake(path, **({"key": key} if key else {})))
            refused = await answer(reader)
            assert (refused.status, refused.headers["content-type"]) == (expected, "application/json")
        assert bench.upstream.dialled == before
        writer.write(handshake("/v1/realtime?model=up/m"))
        assert (await answer(reader)).status == 101
    assert bench.upstream.dialled == before + 1


async def test_after_a_failed_dial_the_connection_takes_another_upgrade(bench: Bench) -> None:
    async with client(bench.proxy.ready.gateway) as (reader, writer):
        writer.write(handshake("/v1/realtime?model=dead/m"))
        failed = await answer(reader)
        assert (failed.status, failed.error["code"]) == (502, "upstream_unreachable")
        writer.write(handshake("/v1/realtime?model=up/m"))
        assert (await answer(reader)).status == 101


async def test_requests_on_one_connection_and_then_an_upgrade(bench: Bench) -> None:
    get = b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + handshake("/").split(b"Bearer ")[1]
    async with client(bench.proxy.ready.gateway) as (reader, writer):
        writer.write(get + get)
        listed = [await answer(reader) for _ in range(2)]
        assert [(one.status, json.loads(one.body)["object"]) for one in listed] == [(200, "list")] * 2
        writer.write(handshake("/v1/realtime?model=up/m"))
        assert (await answer(reader)).status == 101


HOST = b"Host: localhost\r\n"
BROKEN = {
    "no request line": (b"HELLO\r\n\r\n", 400),
    "no version": (b"GET /v1/realtime\r\n\r\n", 400),
    "two lengths": (b"POST /v1/realtime HTTP/1.1\r\n" + HOST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    "space in a header's name": (b"GET /v1/realtime HTTP/1.1\r\n" + HOST + b"Bad Name: x\r\n\r\n", 400),
    "headers without end": (b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"x" * 70_000, 431),
    "body too large": (b"POST /v1/realtime/calls HTTP/1.1\r\n" + HOST + b"Content-Length: 2000000\r\n\r\n" + b"x" * 2_000_000, 413),
    "CONNECT": (b"CONNECT example.org:443 HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "another method": (b"BREW /pot HTTP/1.1\r\n" + HOST + b"\r\n", 404),
}


@pytest.mark.parametrize("broken", BROKEN)
async def test_no_answer_of_the_gateway_is_html(bench: Bench, broken: str) -> None:
    request, status = BROKEN[broken]
    async with client(bench.proxy.ready.gateway) as (reader, writer):
        writer.write(request)
        given = await answer(reader)
    assert (given.status, given.headers["content-type"]) == (status, "application/json")
    assert given.error["message"]


@pytest.mark.parametrize("target", ["http://127.0.0.1:9/", "http://127.0.0.1:9/v1/realtime?model=up/m", "nonsense"])
async def test_no_answer_of_the_intercept_door_is_html(bench: Bench, target: str) -> None:
    async with client(bench.proxy.ready.intercept or "") as (reader, writer):
        writer.write(handshake(target))
        given = await answer(reader)
    assert given.status >= 400
    assert given.headers["content-type"] == "application/json"


async def test_a_client_that_gives_up_while_the_upstream_is_dialled_leaves_no_session_behind(bench: Bench) -> None:
    waiting = asyncio.Event()

    class Slow:
        async def server_connect(self, data: Any) -> None:
            waiting.set()
            await asyncio.sleep(0.2)

    async with addon(Slow()), client(bench.proxy.ready.gateway) as (_, writer):
        writer.write(handshake("/v1/realtime?model=up/m"))
        await asyncio.wait_for(waiting.wait(), PATIENCE)
        writer.transport.abort()
        await eventually(lambda: not bench.proxy.pipeline.tap.opening and not bench.proxy.pipeline.tap.live)


@pytest.mark.parametrize("hook", ["response", "websocket_start"])
async def test_a_client_that_gives_up_just_as_it_is_let_in_leaves_no_session_behind(bench: Bench, hook: str) -> None:
    waiting = asyncio.Event()

    async def slowly(flow: http.HTTPFlow) -> None:
        waiting.set()
        await asyncio.sleep(0.2)

    async with addon(type("Slow", (), {hook: staticmethod(slowly)})()), client(bench.proxy.ready.gateway) as (_, writer):
        writer.write(handshake("/v1/realtime?model=up/m"))
        await asyncio.wait_for(waiting.wait(), PATIENCE)
        writer.transport.abort()
        await asyncio.sleep(0.3)
        await eventually(lambda: not bench.proxy.pipeline.tap.opening and not bench.proxy.pipeline.tap.live)


@pytest.mark.parametrize("hook", ["requestheaders", "request", "responseheaders", "response", "websocket_start"])
async def test_a_script_that_kills_leaves_no_session_behind(bench: Bench, hook: str) -> None:
    def kill(flow: http.HTTPFlow) -> None:
        flow.kill()

    async with addon(type("Killer", (), {hook: staticmethod(kill)})()), client(bench.proxy.ready.gateway) as (reader, writer):
        writer.write(handshake("/v1/realtime?model=up/m"))
        await asyncio.wait_for(reader.read(), PATIENCE)
        await eventually(lambda: not bench.proxy.pipeline.tap.opening and not bench.proxy.pipeline.tap.live)
