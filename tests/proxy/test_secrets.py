"""Canaries: the provider's credential and the client's key are looked for in everything that is written, said or sent.

In every form an echo may have: as they are, reversed, in base64, in a URL, split over lines of JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import stat
import sys
from base64 import b64encode
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from collections.abc import Awaitable
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from urllib.parse import quote

import pytest
import pytest_asyncio
from proxying import ROOT
from proxying import RULES
from proxying import Proxy
from proxying import hash_of
from proxying import started_proxy
from rawsocket import BINARY
from rawsocket import CLOSE
from rawsocket import CONTINUATION
from rawsocket import PING
from rawsocket import TEXT
from rawsocket import RawSocket
from rawsocket import RawUpstream
from rawsocket import accept
from rawsocket import close
from rawsocket import dialled
from rawsocket import handshake
from rawsocket import raw_upstream
from recorded import named
from recorded import shown

from simulator import Simulator

pytestmark = pytest.mark.asyncio(loop_scope="module")

UPSTREAM = "cnry+UPSTREAM/0123456789abcdefghij=="
"""Unlike any provider's key, so that nothing can recognise it by its looks."""
FILED = "cnry-FILED-0123456789abcdefghij"
CLIENT = "vt_cnryCLIENT0123456789abcdefghijklmnopqrstuv"
FAILING = """
def websocket_message(flow):
    if b"make the script fail" in flow.websocket.messages[-1].content:
        raise ValueError(flow.id)
"""
NOTE = b"[redacted by voicetap]"


def forms(secret: str) -> list[bytes]:
    """What to look for."""
    raw = secret.encode()
    found = [raw, raw[::-1], quote(secret, safe="").encode(), json.dumps(secret)[1:-1].replace("/", "\\/").encode(), raw.hex().encode()]
    for before in range(3):
        for encode in (b64encode, urlsafe_b64encode):
            found.append(encode(b"x" * before + raw)[4:-4])
    return [*dict.fromkeys(found)]


def leaked(data: bytes, *secrets: str) -> list[bytes]:
    return [form for secret in secrets for form in forms(secret) if form in data]


@dataclass
class Stage:
    proxy: Proxy
    raw: RawUpstream
    simulator: Simulator
    folder: Path
    stdout: bytearray
    seen: bytearray = field(default_factory=bytearray)
    """Everything that clients were sent."""


def credential(connection: RawSocket) -> str:
    return connection.headers["authorization"].removeprefix("Bearer ")


Say = Callable[[RawSocket, str], Awaitable[None]]


def saying(*messages: Say) -> Callable[[RawSocket], Awaitable[None]]:
    """A provider that sends these after the handshake, and closes."""

    async def play(connection: RawSocket) -> None:
        await accept(connection)
        for message in messages:
            await message(connection, credential(connection))
        await connection.send(CLOSE, close(1000))

    return play


def event(make: Callable[[str], str], opcode: int = TEXT) -> Say:
    async def say(connection: RawSocket, secret: str) -> None:
        await connection.send(opcode, json.dumps({"type": "error", "error": {"message": make(secret)}}).encode())

    return say


async def escaped(connection: RawSocket, secret: str) -> None:
    text = json.dumps({"type": "error", "error": {"message": secret}})
    await connection.send(TEXT, text.replace("/", "\\/").replace("+", "\\u002B").encode())


async def in_fragments(connection: RawSocket, secret: str) -> None:
    text = json.dumps({"type": "error", "error": {"message": secret}}).encode()
    await connection.send(TEXT, text[:45], final=False)
    await connection.send(PING, secret.encode())
    await connection.send(CONTINUATION, text[45:])


async def in_a_delta(connection: RawSocket, secret: str) -> None:
    await connection.send(TEXT, json.dumps({"type": "response.output_text.delta", "delta": f"it is {secret}"}).encode())


async def in_the_close(connection: RawSocket, secret: str) -> None:
    await connection.send(CLOSE, close(4001, f"bad {secret}"))


async def in_the_upgrade(connection: RawSocket) -> None:
    secret = credential(connection)
    await accept(connection, f"X-Debug: {secret}\r\nSet-Cookie: key={quote(secret, safe='')}\r\n", secret)
    await connection.send(CLOSE, close(1000))


def refusing(status: str) -> Callable[[RawSocket], Awaitable[None]]:
    async def play(connection: RawSocket) -> None:
        secret = credential(connection)
        body = f"{secret} {quote(secret, safe='')} {b64encode(secret.encode()).decode()}".encode() * 20
        head = f"HTTP/1.1 {status} {secret}\r\nRetry-After: {secret[:30]}\r\nX-Debug: {secret}\r\nLocation: http://x/?key={secret}\r\n"
        await connection.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)

    return play


ECHOES = {
    "plain": saying(event(lambda secret: f"Bearer {secret}")),
    "binary": saying(event(lambda secret: secret, BINARY)),
    "base64": saying(*(event(lambda secret, n=n: b64encode(b"x" * n + secret.encode()).decode()) for n in range(3))),
    "base64 for URLs": saying(event(lambda secret: urlsafe_b64encode(f"key={secret}".encode()).decode())),
    "in a URL": saying(event(lambda secret: f"https://x/?key={quote(secret, safe='')}")),
    "escaped": saying(escaped),
    "fragments": saying(in_fragments),
    "delta": saying(in_a_delta),
    "close reason": saying(in_the_close),
    "upgrade": in_the_upgrade,
    "refused 401": refusing("401"),
    "refused 429": refusing("429"),
    "redirected": refusing("302"),
    "refused 500": refusing("500"),
}
PLAYS = {name.replace(" ", "-"): play for name, play in ECHOES.items()}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    folder = tmp_path_factory.mktemp("secrets")
    secret = folder / "filed"
    secret.write_text(FILED)
    secret.chmod(0o600)
    script = folder / "failing.py"
    script.write_text(FAILING)
    async with AsyncExitStack() as stack:
        raw = await stack.enter_async_context(raw_upstream(PLAYS))
        simulator = await stack.enter_async_context(Simulator(pace=0))
        rules = f"""{RULES}  - {{id: canary, hash: "{hash_of(CLIENT)}"}}
providers:
  raw: {{kind: compatible, url: "http://{raw.address}/v1", credential: "env:CANARY"}}
  sim: {{kind: simulator, url: "http://{simulator.address}", credential: "env:CANARY"}}
  filed: {{kind: openai, url: "http://{simulator.address}", credential: "file:filed"}}
  down: {{kind: compatible, url: "http://127.0.0.1:9/v1", credential: "env:CANARY"}}
routes:
  - {{name: apps, match: {{door: intercept, host: localhost}}, provider: sim, credential: inject}}
"""
        before = os.umask(0)
        try:
            proxy = await stack.enter_async_context(started_proxy(folder, rules, env={"CANARY": UPSTREAM}, words=("--script", str(script))))
        finally:
            os.umask(before)
        made = Stage(proxy, raw, simulator, folder, bytearray())
        yield made


async def session(stage: Stage, model: str, *messages: bytes, name: str = "", **headers: str) -> bytes:
    """Everything a client gets that opens a session, sends these messages and reads to the end."""
    async with dialled(stage.proxy.gateway) as client:
        sent = {**(headers or {"Authorization": f"Bearer {CLIENT}"}), **named(name or model.replace("/", "-"))}
        await client.write(handshake(f"/v1/realtime?model={model}", key=None, headers=sent))
        await client.read_head()
        if client.status == 101:
            await converse(client, messages)
        else:
            await client.read_body()
        stage.seen += client.received
        return bytes(client.received)


async def converse(client: RawSocket, messages: tuple[bytes, ...]) -> None:
    """Send these, read to the end of an answer or of the session, and close."""
    for message in messages:
        await client.send(TEXT, message)
    while (frame := await client.read_frame())[0] != CLOSE and b'"response.done"' not in frame[1]:
        pass
    await client.send(CLOSE, close(1000))
    await client.read_to_end()


@pytest.mark.parametrize("echo", ECHOES)
async def test_no_echo_of_the_providers_credential_reaches_the_client(stage: Stage, echo: str) -> None:
    answer = await session(stage, f"raw/{echo.replace(' ', '-')}")
    assert leaked(answer, UPSTREAM) == []
    assert (NOTE in answer) == (echo not in ("upgrade", "refused 401", "refused 429", "redirected", "refused 500"))
    assert UPSTREAM in stage.raw.seen[-1].head


@pytest.mark.parametrize("model", [*(f"{name}/x-sim-echo-{how}" for name in ("sim", "filed") for how in ("401", "headers")), "down/x"])
async def test_no_echo_of_a_simulator_reaches_the_client(stage: Stage, model: str) -> None:
    answer = await session(stage, model, b'{"type":"response.create"}')
    assert leaked(answer, UPSTREAM, FILED) == []


PRESENTED = {
    "bearer": {"Authorization": f"bearer {CLIENT}"},
    "api-key": {"api-key": CLIENT},
    "several": {"Authorization": f"Bearer {CLIENT}", "api-key": CLIENT, "X-Api-Key": CLIENT, "Cookie": f"k={CLIENT}", "Referer": CLIENT},
    "subprotocol": {"Sec-WebSocket-Protocol": f"realtime, openai-insecure-api-key.{CLIENT}"},
}


@pytest.mark.parametrize("how", PRESENTED)
async def test_the_clients_key_does_not_reach_the_provider(stage: Stage, how: str) -> None:
    said = [json.dumps({"type": "session.update", "session": {"type": "realtime", "instructions": f"my key is {CLIENT}"}}).encode()]
    answer = await session(stage, "sim/gpt-realtime", *said, b'{"type":"response.create"}', name=f"shown-{how}", **PRESENTED[how])
    seen = stage.simulator.connections[-1]
    headers = [f"{name}: {value}" for name, value in seen.headers.raw_items()]
    everything = "\n".join([seen.target, *headers, *map(str, seen.messages)]).encode()
    assert UPSTREAM.encode() in everything
    assert leaked(everything, CLIENT) == []
    assert leaked(answer, UPSTREAM) == []
    found = await shown(stage.proxy.data, f"shown-{how}")
    assert (found.session["principal"], found.session["redacted_credentials"]) == ("canary", 1)


async def test_a_key_in_the_query_does_not_reach_the_provider(stage: Stage) -> None:
    for query in (f"key={CLIENT}", f"access_token={CLIENT}", f"api-key={quote(CLIENT)}", f"KEY={CLIENT}"):
        await session(stage, f"sim/gpt-realtime&{query}", b'{"type":"response.create"}', name="in-query", **{"X-None": "1"})
        assert leaked(stage.simulator.connections[-1].target.encode(), CLIENT) == []


@pytest.mark.parametrize("sim", ["-sim-echo-401", "-sim-echo-headers", "-sim-refuse-500", ""])
async def test_a_credential_put_in_for_an_app_is_not_shown_to_it(stage: Stage, sim: str) -> None:
    host = f"localhost:{stage.simulator.address.rpartition(':')[2]}"
    request = handshake(f"http://{host}/v1/realtime?model=gpt-realtime{sim}", key=CLIENT, host=host)
    async with dialled(stage.proxy.intercept) as client:
        await client.write(request)
        await client.read_head()
        if client.status == 101:
            await converse(client, (b'{"type":"response.create"}',))
        else:
            await client.read_body()
    assert client.status == (101 if sim in ("", "-sim-echo-headers") else 502)
    assert leaked(bytes(client.received), UPSTREAM) == []
    headers = dict(stage.simulator.connections[-1].headers.raw_items())
    assert headers["Authorization" if "Authorization" in headers else "authorization"] == f"Bearer {UPSTREAM}"
    assert leaked(repr(headers).encode(), CLIENT) == []


async def test_failures_say_nothing_secret(stage: Stage) -> None:
    failing = json.dumps({"type": "x", "note": f"make the script fail {CLIENT}"}).encode()
    await session(stage, "sim/gpt-realtime", failing, b'{"type":"response.create"}', name="failing")
    for model in ("", "nobody/x", "sim/\u00e9", f"{CLIENT}/x", "x" * 5000):
        await session(stage, model.encode().decode("latin-1"), b'{"type":"response.create"}', name="refused")
    async with dialled(stage.proxy.gateway) as client:
        await client.write(handshake("/v1/realtime?model=x", key=CLIENT)[:-2] + b"broken\r\n\r\n")
        stage.seen += await client.read_to_end()
    assert any("Traceback" in line for line in stage.proxy.output), "a failure that was to be looked at did not happen"


async def test_a_child_of_run_has_no_credential_of_a_provider(stage: Stage) -> None:
    script = "import os, json; print(json.dumps(dict(os.environ)))"
    words = ("run", "--rules", str(stage.proxy.rules), "--data", str(stage.proxy.data), "--", sys.executable, "-c", script)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cli", *words),
        cwd=ROOT,
        env={**os.environ, "CANARY": UPSTREAM, "HARMLESS": "kept"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 60)
    child = json.loads(out)
    assert (child["HARMLESS"], "CANARY" in child) == ("kept", False)
    assert stage.proxy.intercept in child["HTTPS_PROXY"]
    assert leaked(out + err, UPSTREAM, FILED, CLIENT) == []


async def test_the_process_list_shows_no_secret(stage: Stage) -> None:
    line = await asyncio.to_thread(Path(f"/proc/{stage.proxy.process.pid}/cmdline").read_bytes)
    assert leaked(line, UPSTREAM, FILED, CLIENT, stage.proxy.token) == []


async def test_files_are_the_owners_alone_under_any_umask(stage: Stage) -> None:
    found = [stage.proxy.data, *stage.proxy.data.rglob("*")]
    assert {path.suffix for path in found} >= {".json", ".pem", ".jsonl"}
    wrong = {
        str(path.relative_to(stage.folder)): oct(mode)
        for path in found
        if (mode := stat.S_IMODE(path.lstat().st_mode)) != (0o700 if path.is_dir() else 0o600)
    }
    assert wrong == {}


async def test_nothing_written_said_or_sent_has_a_secret_in_it(stage: Stage) -> None:
    """The last look, after all of the above."""
    await stage.proxy.stop()
    files = {path: path.read_bytes() for path in stage.proxy.data.rglob("*") if path.is_file()}
    assert len(files) > 3
    for path, content in files.items():
        assert leaked(content, UPSTREAM, FILED, CLIENT, stage.proxy.token) == [], path
    assert leaked("".join(stage.proxy.output).encode(), UPSTREAM, FILED, CLIENT) == []
    assert leaked(bytes(stage.seen), UPSTREAM, FILED) == []
    assert b"[redacted" in bytes(stage.seen), "nothing was there to be redacted"
