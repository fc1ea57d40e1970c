"""The whole proxy inside the test's own process, so that its parts can be looked at; sockets stay real.

Clients and upstreams are byte streams without any library between: what is compared are the bytes themselves.
"""

from __future__ import annotations

import asyncio
import os
import signal
import ssl
from base64 import b64encode
from collections.abc import AsyncIterator
from collections.abc import Awaitable
from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from dataclasses import field
from hashlib import sha1
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization import NoEncryption
from cryptography.hazmat.primitives.serialization import PrivateFormat
from mitmproxy import certs
from mitmproxy import ctx
from proxying import KEY

from addons.main import Ready
from addons.main import Settings
from addons.main import serve
from addons.pipeline import Pipeline
from web.control import make_app

PATIENCE = 20.0
Play = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Inside:
    """A proxy that serves in this process."""

    ready: Ready
    pipeline: Pipeline
    data: Path
    rules: Path

    @property
    def connections(self) -> dict[str, Any]:
        """mitmproxy's handler of each client connection, by its id."""
        found: dict[str, Any] = ctx.master.addons.get("proxyserver").connections
        return found

    @property
    def trust(self) -> ssl.SSLContext:
        """What a client needs that trusts the local CA."""
        made = ssl.create_default_context(cafile=str(self.data / "ca" / "mitmproxy-ca-cert.pem"))
        made.verify_flags &= ~ssl.VERIFY_X509_STRICT
        return made


@asynccontextmanager
async def proxy_inside(folder: Path, rules: str) -> AsyncIterator[Inside]:
    """Serve until the block ends, then stop as SIGTERM stops it."""
    path = folder / "rules.yaml"
    path.write_text(rules)
    ready: asyncio.Future[Ready] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve(Settings(path, folder / "data"), make_app, on_ready=ready.set_result))
    await asyncio.wait({serving, ready}, return_when=asyncio.FIRST_COMPLETED, timeout=PATIENCE)
    if serving.done():
        serving.result()
    try:
        yield Inside(ready.result(), ctx.master.addons.get("pipeline"), folder / "data", path)
    finally:
        os.kill(os.getpid(), signal.SIGTERM)
        assert await asyncio.wait_for(serving, PATIENCE) == 0


class Watch:
    """Hooks of mitmproxy in the order in which they came. Wants no `websocket_message`."""

    HOOKS = (
        *("client_connected", "requestheaders", "request", "server_connect", "server_connected", "responseheaders", "response"),
        *("websocket_start", "websocket_end", "server_disconnected", "client_disconnected"),
    )

    def __init__(self) -> None:
        self.seen: list[str] = []

    def __getattr__(self, name: str) -> Any:
        if name not in self.HOOKS:
            raise AttributeError(name)
        return lambda _: self.seen.append(name)


@asynccontextmanager
async def addon(added: Any) -> AsyncIterator[None]:
    """An addon of the test's own, behind all others."""
    ctx.master.addons.add(added)
    try:
        yield
    finally:
        ctx.master.addons.remove(added)


@dataclass
class Upstream:
    """A server of byte streams: answers each handshake, then plays."""

    play: Play
    first: bytes = b""
    """Sent in one write with the 101."""
    dialled: int = 0
    errors: list[BaseException] = field(default_factory=list)

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.dialled += 1
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            writer.write(accepting(head) + self.first)
            await self.play(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass  # the proxy hung up, which the test sees at the other end
        except BaseException as error:
            self.errors.append(error)
        finally:
            await hung_up(writer)


@asynccontextmanager
async def serving(upstream: Upstream, tls: ssl.SSLContext | None = None, **options: Any) -> AsyncIterator[int]:
    """Its port, while the block lasts."""
    server = await asyncio.start_server(upstream, "127.0.0.1", 0, ssl=tls, **options)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
    assert upstream.errors == []


def handshake(path: str, *, key: str = KEY, host: str = "localhost") -> bytes:
    lines = (
        *(f"GET {path} HTTP/1.1", f"Host: {host}", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"),
        *(f"Sec-WebSocket-Key: {b64encode(os.urandom(16)).decode()}", f"Authorization: Bearer {key}"),
    )
    return "\r\n".join((*lines, "", "")).encode()


def accepting(head: str) -> bytes:
    """The 101 to a client's head."""
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head.split("\r\n")[1:])}
    key = fields["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    accept = b64encode(sha1(key.encode(), usedforsecurity=False).digest()).decode()
    return (
        f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n".encode()
    )


@asynccontextmanager
async def client(address: str, tls: ssl.SSLContext | None = None) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection to HOST:PORT; with TLS as to `localhost`."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port), ssl=tls, server_hostname="localhost" if tls else None)
    try:
        yield reader, writer
    finally:
        await hung_up(writer)


async def hung_up(writer: asyncio.StreamWriter) -> None:
    """Close and wait; what the other side did to the connection no longer matters."""
    writer.close()
    try:
        await writer.wait_closed()
    except OSError:
        pass


async def status_of(reader: asyncio.StreamReader) -> int:
    """Read a response's head; returns its status."""
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE)
    return int(head.split(b" ", 2)[1])


def certified(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """TLS for an upstream called localhost, and the file of the CA that vouches for it."""
    entry = certs.CertStore.from_store(folder, "upstream", 2048).get_cert("localhost", [x509.DNSName("localhost")])
    key = entry.privatekey.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    chain = folder / "localhost.pem"
    chain.write_bytes(key + entry.cert.to_pem())
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(chain)
    return made, folder / "upstream-ca-cert.pem"
