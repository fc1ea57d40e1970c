"""Providers that cannot be reached, refuse, or answer with nonsense: a clean status and JSON, the reason in the operator's log alone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from certificates import DAY
from certificates import Authority
from certificates import server_context
from proxying import RULES
from proxying import Proxy
from proxying import free_port
from proxying import started_proxy
from rawsocket import RawSocket
from rawsocket import RawUpstream
from rawsocket import dialled
from rawsocket import handshake
from rawsocket import raw_upstream
from recorded import ended
from recorded import named
from reloading import said

from simulator import Simulator

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRET = "sk-proj-0123456789abcdefghijklmnop"


@dataclass
class Stage:
    proxy: Proxy
    raw: RawUpstream
    elsewhere: RawUpstream


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    error: dict[str, Any]


def answering(head: str, body: bytes = b"") -> Any:
    """A provider that answers the handshake with this."""

    async def play(connection: RawSocket) -> None:
        lines = [f"HTTP/1.1 {head}", f"Content-Length: {len(body)}", "", ""]
        await connection.write("\r\n".join(lines).encode() + body)

    return play


async def redirect(connection: RawSocket) -> None:
    await connection.write(f"HTTP/1.1 307 Go\r\nLocation: http://{ELSEWHERE[0]}/v1/realtime\r\nContent-Length: 0\r\n\r\n".encode())


async def hang_up(connection: RawSocket) -> None:
    connection.cut()


async def nonsense(connection: RawSocket) -> None:
    await connection.write(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")


async def endless(connection: RawSocket) -> None:
    """An error body without an end."""
    await connection.write(b"HTTP/1.1 500 Oops\r\nContent-Type: text/plain\r\n\r\n")
    while True:
        await connection.write(b"x" * 65536)


async def silent(connection: RawSocket) -> None:
    await connection.read_to_end()


TRUST = """
from mitmproxy import ctx

def load(loader):
    ctx.options.ssl_verify_upstream_trusted_ca = {file!r}
"""
ELSEWHERE: list[str] = []
LEAK = json.dumps({"error": {"message": f"bad key {SECRET} for org-private", "internal": "10.1.2.3"}}).encode()
PLAYS = {
    "m-redirect": redirect,
    "m-hang-up": hang_up,
    "m-nonsense": nonsense,
    "m-endless": endless,
    "m-silent": silent,
    "m-leak": answering("401 Unauthorized\r\nX-Internal: 10.1.2.3\r\nSet-Cookie: a=b\r\nWWW-Authenticate: Bearer realm=x", LEAK),
    "m-fine": answering("200 OK", b"{}"),
    "m-no-upgrade": answering("101 Switching Protocols\r\nConnection: close"),
    "m-busy": answering("503 Busy\r\nRetry-After: 30"),
    "m-wait": answering("429 Slow\r\nRetry-After: Wed, 21 Oct 2026 07:28:00 GMT"),
    "m-wait-evil": answering("429 Slow\r\nRetry-After: <script>alert(1)</script>" + "x" * 60),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    folder = tmp_path_factory.mktemp("upstreams")
    async with AsyncExitStack() as stack:
        raw = await stack.enter_async_context(raw_upstream(PLAYS))
        elsewhere = await stack.enter_async_context(raw_upstream({"": silent}))
        ELSEWHERE[:] = [elsewhere.address]
        simulator = await stack.enter_async_context(Simulator(pace=0))
        trusted, unknown = Authority(folder, "trusted"), Authority(folder, "unknown")
        shown = {
            "tls": trusted.issued("localhost"),
            "untrusted": unknown.issued("localhost"),
            "self-signed": Authority(folder, "localhost").self_issued(),
            "wrong-host": trusted.issued("other.example"),
            "expired": trusted.issued("localhost", -DAY),
        }
        tls = {name: await stack.enter_async_context(raw_upstream(PLAYS, tls=server_context(file))) for name, file in shown.items()}
        providers = {
            "raw": f"http://{raw.address}/v1",
            "sim": f"http://{simulator.address}/v1",
            "closed": f"http://127.0.0.1:{free_port()}/v1",
            "unknown-host": "http://no-such-host.invalid/v1",
            **{name: f"https://localhost:{server.address.rpartition(':')[2]}/v1" for name, server in tls.items()},
            "plain-for-tls": f"https://{raw.address}/v1",
        }
        lines = [f'  {name}: {{kind: compatible, url: "{url}", credential: "env:UPSTREAM_KEY"}}' for name, url in providers.items()]
        rules = "\n".join([f"{RULES}limits: {{handshake: 2s}}", "providers:", *lines])
        env = {"UPSTREAM_KEY": SECRET, "RES_OPTIONS": "attempts:1 timeout:1"}
        script = folder / "trust.py"
        script.write_text(TRUST.format(file=str(trusted.file)))
        proxy = await stack.enter_async_context(started_proxy(folder, rules, env=env, words=("--script", str(script))))
        yield Stage(proxy, raw, elsewhere)


async def refused(stage: Stage, model: str, name: str) -> Answer:
    """What a client gets that asks for this model."""
    async with dialled(stage.proxy.gateway) as client:
        await client.write(handshake(f"/v1/realtime?model={model}", headers=named(name)))
        await client.read_head()
        body = await client.read_body()
    assert client.headers["content-type"] == "application/json"
    assert SECRET.encode() not in client.received
    assert b"10.1.2.3" not in client.received
    error = json.loads(body)["error"]
    assert set(error) == {"message", "type", "code", "param"}
    return Answer(client.status, client.headers, error)


REFUSALS = {
    "sim/x-sim-refuse-401": (502, "upstream_refused", "provider sim refused the session with status 401"),
    "sim/x-sim-refuse-403": (502, "upstream_refused", "provider sim refused the session with status 403"),
    "sim/x-sim-refuse-500": (502, "upstream_refused", "provider sim refused the session with status 500"),
    "sim/x-sim-echo-401": (502, "upstream_refused", "provider sim refused the session with status 401"),
    "sim/x-sim-refuse-429": (429, "upstream_rate_limit", "provider sim limits the rate"),
    "sim/x-sim-redirect": (502, "upstream_refused", "provider sim refused the session with status 302"),
    "sim/x-sim-no-handshake": (504, "upstream_timeout", "provider sim did not answer within 2 s"),
    "raw/m-leak": (502, "upstream_refused", "provider raw refused the session with status 401"),
    "raw/m-fine": (502, "upstream_refused", "provider raw refused the session with status 200"),
    "raw/m-no-upgrade": (502, "upstream_refused", "provider raw refused the session with status 101"),
    "raw/m-busy": (502, "upstream_refused", "provider raw refused the session with status 503"),
    "raw/m-endless": (502, "upstream_refused", "provider raw refused the session with status 500"),
    "raw/m-redirect": (502, "upstream_refused", "provider raw refused the session with status 307"),
    "raw/m-silent": (504, "upstream_timeout", "provider raw did not answer within 2 s"),
    "raw/m-hang-up": (502, "upstream_unreachable", "provider raw cannot be reached"),
    "raw/m-nonsense": (502, "upstream_unreachable", "provider raw cannot be reached"),
    "closed/x": (502, "upstream_unreachable", "provider closed cannot be reached"),
    "unknown-host/x": (502, "upstream_unreachable", "provider unknown-host cannot be reached"),
    "untrusted/m-leak": (502, "upstream_unreachable", "provider untrusted cannot be reached"),
    "self-signed/m-leak": (502, "upstream_unreachable", "provider self-signed cannot be reached"),
    "wrong-host/m-leak": (502, "upstream_unreachable", "provider wrong-host cannot be reached"),
    "expired/m-leak": (502, "upstream_unreachable", "provider expired cannot be reached"),
    "tls/m-leak": (502, "upstream_refused", "provider tls refused the session with status 401"),
    "plain-for-tls/m-silent": (504, "upstream_timeout", "provider plain-for-tls did not answer within 2 s"),
}


@pytest.mark.parametrize("model", REFUSALS)
async def test_what_the_client_reads_and_what_is_recorded(stage: Stage, model: str) -> None:
    name = model.replace("/", "-")
    answer = await refused(stage, model, name)
    assert (answer.status, answer.error["code"], answer.error["message"]) == REFUSALS[model]
    assert not {"location", "x-internal", "set-cookie", "www-authenticate"} & set(answer.headers)
    found = await ended(stage.proxy.data, name)
    assert found["error"]["status"] == answer.status
    assert (found["close"]["code"], found["close"]["side"], found["turns"]) == (1006, "upstream", 0)
    assert not [line for line in stage.proxy.output if "Traceback" in line or SECRET in line]


async def test_a_redirect_is_not_followed(stage: Stage) -> None:
    await refused(stage, "raw/m-redirect", "redirect-again")
    assert stage.elsewhere.seen == []


async def test_the_wait_that_a_provider_asks_for_is_passed_on(stage: Stage) -> None:
    assert (await refused(stage, "sim/x-sim-refuse-429", "wait-1")).headers["retry-after"] == "7"
    assert (await refused(stage, "raw/m-wait", "wait-2")).headers["retry-after"] == "Wed, 21 Oct 2026 07:28:00 GMT"
    assert "retry-after" not in (await refused(stage, "raw/m-wait-evil", "wait-3")).headers


async def test_the_operator_reads_what_the_provider_said_without_its_secrets(stage: Stage) -> None:
    before = len(stage.proxy.output)
    await refused(stage, "raw/m-leak", "leak-again")
    line = await said(stage.proxy, "refused the handshake: 401", before)
    assert "org-private" in line
    assert "[redacted by voicetap]" in line
    assert SECRET not in line


@pytest.mark.parametrize(
    ("provider", "reason"),
    [
        ("untrusted", "unable to get local issuer certificate"),
        ("self-signed", "self-signed certificate"),
        ("wrong-host", "hostname mismatch"),
        ("expired", "certificate has expired"),
    ],
)
async def test_the_operator_reads_why_a_certificate_was_not_accepted(stage: Stage, provider: str, reason: str) -> None:
    before = len(stage.proxy.output)
    await refused(stage, f"{provider}/m-leak", f"{provider}-again")
    await said(stage.proxy, f"did not answer: (?i:.*{reason})", before)


async def test_a_client_that_leaves_during_the_handshake_is_recorded_and_its_upstream_let_go(stage: Stage) -> None:
    stage.raw.began.clear()
    async with dialled(stage.proxy.gateway) as client:
        await client.write(handshake("/v1/realtime?model=raw/m-silent", headers=named("left")))
        await asyncio.wait_for(stage.raw.began.wait(), 20)
        client.abort()
    await asyncio.wait_for(stage.raw.ended[-1].wait(), 20)
    found = await ended(stage.proxy.data, "left")
    assert (found["close"]["side"], found["error"]["status"]) == ("client", 499)
