"""What may enter and leave through the doors: hosts, origins and requests that are refused, and tunnels that stay closed to us."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import psutil
import pytest
import pytest_asyncio
from certificates import Authority
from certificates import server_context
from proxying import KEY
from proxying import RULES
from proxying import Proxy
from proxying import started_proxy
from rawsocket import TEXT
from rawsocket import RawSocket
from rawsocket import RawUpstream
from rawsocket import accept
from rawsocket import dialled
from rawsocket import handshake
from rawsocket import raw_upstream
from recorded import ended
from recorded import named

pytestmark = pytest.mark.asyncio(loop_scope="module")

RAW = "/v1/realtime?model=raw/m"
SECRET = "sk-upstream-0123456789"


@dataclass
class Stage:
    proxy: Proxy
    raw: RawUpstream
    tls: RawUpstream
    authority: Authority


async def greet(connection: RawSocket) -> None:
    """A WebSocket with one message, or an ordinary answer where none is asked for."""
    if "upgrade" not in connection.headers:
        await connection.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
        return
    await accept(connection)
    await connection.send(TEXT, b'{"type":"session.created"}')
    await connection.read_close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    folder = tmp_path_factory.mktemp("doors")
    authority = Authority(folder, "theirs")
    async with AsyncExitStack() as stack:
        raw = await stack.enter_async_context(raw_upstream({"m": greet, "": greet}))
        tls = await stack.enter_async_context(raw_upstream({"": greet}, tls=server_context(authority.issued("localhost"))))
        rules = f"""{RULES.replace('control: "127.0.0.1:0"', 'control: "127.0.0.1:0", origins: ["http://localhost:3000"]')}
providers:
  raw: {{kind: compatible, url: "http://{raw.address}/v1", credential: "env:UPSTREAM_KEY"}}
  app: {{kind: openai}}
routes:
  - {{name: apps, match: {{door: intercept, host: localhost}}, provider: app}}
"""
        proxy = await stack.enter_async_context(started_proxy(folder, rules, env={"UPSTREAM_KEY": SECRET}))
        yield Stage(proxy, raw, tls, authority)


async def asked(address: str, request: bytes) -> tuple[int, bytes]:
    """Status and everything that came in answer to these bytes; status 0 where nothing came."""
    async with dialled(address) as client:
        await client.write(request)
        try:
            await client.read_head()
            if "content-length" in client.headers:
                await client.read_body()
        except asyncio.IncompleteReadError:
            return 0, bytes(client.received)
        return client.status, bytes(client.received)


def code_of(answer: bytes) -> str:
    found: str = json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"]
    return found


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8787", "localhost.evil.example", "127.0.0.1.evil.example", "localhost@evil.example", "10.0.0.1"]
)
async def test_a_page_of_a_rebound_name_is_refused(stage: Stage, host: str) -> None:
    status, answer = await asked(stage.proxy.gateway, handshake(RAW, host=host))
    assert (status, code_of(answer)) == (421, "misdirected_request")
    twice = handshake(RAW).replace(b"Host: localhost", f"Host: localhost\r\nHost: {host}".encode())
    assert (await asked(stage.proxy.gateway, twice))[0] in (400, 421)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1:8787", "127.9.9.9", "[::1]:8787", "localhost."])
async def test_loopback_names_are_served(stage: Stage, host: str) -> None:
    assert (await asked(stage.proxy.gateway, handshake(RAW, host=host)))[0] == 101


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "", "http://localhost:3001", "https://localhost:3000", "http://localhost:3000.evil"]
)
async def test_a_foreign_page_is_refused_even_with_a_key(stage: Stage, origin: str) -> None:
    before = len(stage.raw.seen)
    status, answer = await asked(stage.proxy.gateway, handshake(RAW, headers={"Origin": origin}))
    assert (status, code_of(answer)) == (403, "origin_not_allowed")
    twice = handshake(RAW, headers={"Origin": "http://localhost:3000\r\nOrigin: http://evil.example"})
    assert (await asked(stage.proxy.gateway, twice))[0] == 403
    assert len(stage.raw.seen) == before


async def test_a_page_that_is_allowed_needs_a_key_of_its_own(stage: Stage) -> None:
    page = {"Origin": "http://localhost:3000"}
    assert (await asked(stage.proxy.gateway, handshake(RAW, headers=page)))[0] == 101
    cookie = page | {"Cookie": f"key={KEY}; token={KEY}"}
    status, answer = await asked(stage.proxy.gateway, handshake(RAW, key=None, headers=cookie))
    assert (status, code_of(answer)) == (401, "missing_api_key")


async def test_only_named_headers_travel_and_the_credential_stands_once(stage: Stage) -> None:
    sent = {
        "authorization": f"Bearer {KEY}",
        "AUTHORIZATION": "Bearer sk-mine",
        "Api-Key": "sk-mine",
        "X-Goog-Api-Key": "sk-mine",
        "Proxy-Authorization": "Basic c2stbWluZQ==",
        "Cookie": "session=sk-mine",
        "X-Forwarded-For": "1.2.3.4",
        "Forwarded": "for=1.2.3.4",
        "Keep-Alive": "timeout=5",
        "TE": "trailers",
        "OpenAI-Organization": "org-1",
        "X-Anything": "else",
        "Traceparent": "00-1",
        "User-Agent": "an app",
    }
    status, _ = await asked(stage.proxy.gateway, handshake(RAW, key=None, headers=sent))
    assert status == 101
    lines = stage.raw.seen[-1].head.split("\r\n")
    names = [line.partition(":")[0].lower() for line in lines[1:] if line]
    handshake_headers = ["connection", "host", "sec-websocket-key", "sec-websocket-version", "upgrade"]
    assert sorted(names) == sorted([*handshake_headers, "authorization", "openai-organization", "user-agent"])
    assert stage.raw.seen[-1].headers["authorization"] == f"Bearer {SECRET}"
    assert "sk-mine" not in stage.raw.seen[-1].head


POST = b"POST /v1/realtime HTTP/1.1\r\nHost: localhost\r\n"
SMUGGLED = {
    "two lengths": POST + b"Content-Length: 0\r\nContent-Length: 10\r\n\r\n",
    "length and chunks": POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "unknown coding": POST + b"Transfer-Encoding: xchunked\r\n\r\n",
    "space before colon": b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\nAuthorization : Bearer x\r\n\r\n",
    "no colon": b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\nnonsense\r\n\r\n",
    "negative length": POST + b"Content-Length: -1\r\n\r\n",
    "not HTTP": b"\x16\x00\x01\x02\x03\x04\r\n\r\n",
    "no version": b"GET /v1/models\r\n\r\n",
}


@pytest.mark.parametrize("what", SMUGGLED)
async def test_an_ambiguous_request_gets_an_error_and_goes_nowhere(stage: Stage, what: str) -> None:
    before = len(stage.raw.seen)
    status, answer = await asked(stage.proxy.gateway, SMUGGLED[what])
    assert status in (0, 400)
    assert status == 0 or json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["type"] == "invalid_request_error"
    assert len(stage.raw.seen) == before


@pytest.mark.parametrize("mark", [b"\r", b"\x00", b"\r\n ", b"\r\n\t"])
async def test_a_line_break_in_a_header_is_refused(stage: Stage, mark: bytes) -> None:
    before = len(stage.raw.seen)
    request = handshake(RAW, headers={"User-Agent": "app@X-Injected: yes"}).replace(b"@", mark)
    status, answer = await asked(stage.proxy.gateway, request)
    assert (status, code_of(answer)) == (400, "malformed_header")
    assert len(stage.raw.seen) == before


MODELS = ["m%0d%0aX-Injected:%20yes", "m%26intent=transcription%26call_id=1", "m%20HTTP/1.1%0d%0a%0d%0aGET%20/admin"]


@pytest.mark.parametrize("model", MODELS)
async def test_a_models_name_cannot_leave_its_place_in_the_query(stage: Stage, model: str) -> None:
    before = len(stage.raw.seen)
    await asked(stage.proxy.gateway, handshake(f"/v1/realtime?model=raw/{model}"))
    (connection,) = stage.raw.seen[before:]
    line, _, rest = connection.head.partition("\r\n")
    assert line.split(" ")[0] == "GET"
    assert len(line.split(" ")) == 3
    assert list(connection.query) == ["model"]
    assert "injected" not in rest.lower()
    assert not [entry for entry in stage.proxy.output if entry.startswith(("X-Injected", "GET /admin"))], (
        "no line of the log is the client's own"
    )


async def test_headers_beyond_64_kib_are_refused_before_they_end(stage: Stage) -> None:
    fits = handshake(RAW, headers={"X-Long": "a" * 60_000})
    assert (await asked(stage.proxy.gateway, fits))[0] == 101
    status, answer = await asked(stage.proxy.gateway, fits[:-4] + b"a" * 6_000)
    assert (status, json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["message"]) == (431, "more than 65536 bytes of headers")


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("over", [0, 1])
async def test_a_body_beyond_1_mib_is_refused(stage: Stage, over: int, chunked: bool) -> None:
    body = b"x" * ((1 << 20) + over)
    length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}"
    head = f"POST /v1/realtime/calls HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {KEY}\r\n{length}\r\n\r\n".encode()
    sent = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if chunked else body
    status, _ = await asked(stage.proxy.gateway, head + sent)
    assert status == (413 if over else 400)


@pytest.mark.parametrize(
    "line",
    ["CONNECT {raw} HTTP/1.1", "CONNECT localhost:443 HTTP/1.1", "GET http://{raw}/ HTTP/1.1", "GET http://evil.example/v1/x HTTP/1.1"],
)
async def test_the_gateway_is_no_open_proxy(stage: Stage, line: str) -> None:
    before = len(stage.raw.seen)
    first = line.format(raw=stage.raw.address)
    status, answer = await asked(stage.proxy.gateway, f"{first}\r\nHost: localhost\r\nAuthorization: Bearer {KEY}\r\n\r\n".encode())
    assert 400 <= status < 500
    assert b"application/json" in answer
    assert len(stage.raw.seen) == before


async def test_the_host_in_an_absolute_request_does_not_choose_the_upstream(stage: Stage) -> None:
    before = len(stage.tls.seen)
    absolute = handshake(f"http://{stage.tls.address}{RAW}")
    assert (await asked(stage.proxy.gateway, absolute))[0] == 101
    assert len(stage.tls.seen) == before
    assert stage.raw.seen[-1].headers["host"] == stage.raw.address


NAMES = ["localhost", "LocalHost.", "[::ffff:127.0.0.1]"]
NUMBERS = ["127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0.0.0.0", "127.255.3.4"]


@pytest.mark.parametrize("host", [*NAMES, *NUMBERS])
@pytest.mark.parametrize("door", ["gateway", "control", "intercept"])
async def test_our_own_listeners_are_not_reachable_through_the_intercept_door(stage: Stage, host: str, door: str) -> None:
    port = getattr(stage.proxy, door).rpartition(":")[2]
    inner = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    status, answer = await asked(stage.proxy.intercept, inner.replace(b"/healthz", f"http://{host}:{port}/healthz".encode()))
    assert status == 502
    assert b"status" not in answer
    async with dialled(stage.proxy.intercept) as client:
        await client.write(f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
        await client.read_head()
        if client.status == 200:
            await client.write(inner)
            answer = await client.read_to_end()
            assert answer == b"" or answer.startswith(b"HTTP/1.1 502")


async def test_no_listener_can_be_reached_from_other_computers(stage: Stage) -> None:
    connections = await asyncio.to_thread(psutil.Process(stage.proxy.process.pid).net_connections)
    listening = {f"{found.laddr.ip}:{found.laddr.port}" for found in connections if found.status == psutil.CONN_LISTEN}
    assert listening == {stage.proxy.gateway, stage.proxy.intercept, stage.proxy.control}


@pytest.mark.parametrize("sni", ["localhost", "elsewhere.example"])
async def test_only_hosts_named_by_a_route_are_decrypted(stage: Stage, sni: str) -> None:
    port = stage.tls.address.rpartition(":")[2]
    issuer, line = await through_the_tunnel(stage, f"127.0.0.1:{port}", sni)
    assert (issuer == "theirs") == (sni != "localhost")
    assert line.split()[1] == (b"502" if sni == "localhost" else b"200"), "the proxy does not trust their authority, the client does"


async def through_the_tunnel(stage: Stage, address: str, sni: str) -> tuple[str, bytes]:
    """Who signed the certificate that is seen through CONNECT, and the first line of the answer to a request."""
    host, _, port = stage.proxy.intercept.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"CONNECT {address} HTTP/1.1\r\nHost: {address}\r\n\r\n".encode())
    assert b"200" in await reader.readuntil(b"\r\n\r\n")
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_OPTIONAL
    context.load_verify_locations(stage.authority.file)
    context.load_verify_locations(stage.proxy.data / "ca" / "mitmproxy-ca-cert.pem")
    await writer.start_tls(context, server_hostname=sni)
    seen = writer.get_extra_info("peercert")
    issuer = dict(pair for (pair,) in seen["issuer"])["commonName"]
    writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    try:
        line = await asyncio.wait_for(reader.readline(), 20)
    finally:
        writer.transport.abort()
    return issuer, line


async def test_a_plain_request_to_another_host_passes_as_it_is(stage: Stage) -> None:
    lines = ["GET http://{0}/anything HTTP/1.1", "Host: {0}", "X-Own: kept", "Authorization: Bearer app", "", ""]
    status, answer = await asked(stage.proxy.intercept, "\r\n".join(lines).format(stage.raw.address).encode())
    assert (status, answer[-5:]) == (200, b"hello")
    assert (stage.raw.seen[-1].headers["x-own"], stage.raw.seen[-1].headers["authorization"]) == ("kept", "Bearer app")


async def test_a_realtime_socket_of_an_app_is_seen_and_keeps_its_own_credential(stage: Stage) -> None:
    port = stage.raw.address.rpartition(":")[2]
    request = handshake(f"http://localhost:{port}/v1/realtime?model=m", key="sk-of-the-app", host=f"localhost:{port}", headers=named("app"))
    async with dialled(stage.proxy.intercept) as client:
        await client.write(request)
        await client.read_head()
        assert client.status == 101
        assert await client.read_message() == b'{"type":"session.created"}'
    assert stage.raw.seen[-1].headers["authorization"] == "Bearer sk-of-the-app"
    found = await ended(stage.proxy.data, "app")
    assert (found["door"], found["principal"], found["route"], found["model"]) == ("intercept", "local", "apps", "m")
