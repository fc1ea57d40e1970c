"""WebSocket by hand, on both ends: what no well-behaved library would send, and every byte that came."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import struct
from base64 import b64encode
from collections.abc import AsyncIterator
from collections.abc import Awaitable
from collections.abc import Callable
from collections.abc import Mapping
from contextlib import asynccontextmanager
from hashlib import sha1
from typing import Final
from urllib.parse import parse_qsl
from urllib.parse import urlsplit

from proxying import KEY

CONTINUATION: Final = 0
TEXT: Final = 1
BINARY: Final = 2
CLOSE: Final = 8
PING: Final = 9
PONG: Final = 10
_PATIENCE: Final = 20.0


def frame(opcode: int, payload: bytes, *, masked: bool, final: bool = True, reserved: int = 0) -> bytes:
    """One frame; `reserved` are the bits RSV1 to RSV3 as 4, 2 and 1."""
    size = len(payload)
    short, more = (size, b"") if size < 126 else (126, struct.pack("!H", size)) if size < 65536 else (127, struct.pack("!Q", size))
    head = bytes((0x80 * final | reserved << 4 | opcode, 0x80 * masked | short)) + more
    if not masked:
        return head + payload
    mask = os.urandom(4)
    stream = int.from_bytes(mask * (size // 4 + 1), "big") >> 8 * (4 - size % 4)
    return head + mask + (int.from_bytes(payload, "big") ^ stream).to_bytes(size, "big")


def close(code: int, reason: str = "") -> bytes:
    """The payload of a Close frame."""
    return struct.pack("!H", code) + reason.encode()


class RawSocket:
    """One end of a connection. `received` is everything that was read, `head` the other side's request or response head."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, client: bool) -> None:
        self.client = client
        self.received = bytearray()
        self.head = ""
        self.closed_with: tuple[int, str] | None = None
        """Code and reason of the Close frame that `read_close` came upon."""
        self._reader = reader
        self._writer = writer

    @property
    def status(self) -> int:
        """Of the response."""
        return int(self.head.split(" ", 2)[1])

    @property
    def headers(self) -> dict[str, str]:
        """The other side's headers, names in lower case."""
        lines = [line.partition(":") for line in self.head.split("\r\n")[1:]]
        return {name.lower(): value.strip() for name, _, value in lines if name}

    @property
    def query(self) -> dict[str, str]:
        """Of the request."""
        return dict(parse_qsl(urlsplit(self.head.split(" ", 2)[1]).query))

    async def write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def send(self, opcode: int, payload: bytes, *, final: bool = True, reserved: int = 0) -> None:
        await self.write(frame(opcode, payload, masked=self.client, final=final, reserved=reserved))

    async def read_head(self) -> str:
        self.head = (await self._take(self._reader.readuntil(b"\r\n\r\n"))).decode("latin-1")
        return self.head

    async def read_body(self) -> bytes:
        return await self._take(self._reader.readexactly(int(self.headers["content-length"])))

    async def read_frame(self) -> tuple[int, bytes]:
        """The next frame: its opcode and payload, unmasked. Raises IncompleteReadError at the end of the connection."""
        first, second = await self._take(self._reader.readexactly(2))
        size = second & 127
        if size > 125:
            size = int.from_bytes(await self._take(self._reader.readexactly(2 if size == 126 else 8)), "big")
        mask = await self._take(self._reader.readexactly(4)) if second & 128 else b"\0\0\0\0"
        payload = await self._take(self._reader.readexactly(size))
        stream = (mask * (size // 4 + 1))[:size]
        return first & 15, (int.from_bytes(payload, "big") ^ int.from_bytes(stream, "big")).to_bytes(size, "big")

    async def read_message(self) -> bytes:
        """The next text or binary frame's payload; pings are answered on the way."""
        while True:
            opcode, payload = await self.read_frame()
            if opcode == PING:
                await self.send(PONG, payload)
            elif opcode in (TEXT, BINARY):
                return payload

    async def read_close(self) -> tuple[int, str]:
        """Read on to the Close frame: its code (1005 without one) and reason."""
        while True:
            opcode, payload = await self.read_frame()
            if opcode == CLOSE:
                self.closed_with = (struct.unpack("!H", payload[:2])[0], payload[2:].decode()) if payload else (1005, "")
                return self.closed_with

    @property
    def unsent(self) -> int:
        """Bytes that the network has not taken yet."""
        return self._writer.transport.get_write_buffer_size()

    async def read_to_end(self) -> bytes:
        """What still comes before the connection ends; a reset is an end too."""
        try:
            return await self._take(self._reader.read())
        except ConnectionResetError:
            return b""

    async def _take(self, reading: Awaitable[bytes]) -> bytes:
        data = await asyncio.wait_for(reading, _PATIENCE)
        self.received += data
        return data

    def abort(self) -> None:
        """End with a reset."""
        found: socket.socket = self._writer.get_extra_info("socket")
        found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.cut()

    def cut(self) -> None:
        """End at once, whatever is still to be sent."""
        self._writer.transport.abort()

    def pause(self) -> None:
        """Read no more from the network."""
        transport = self._writer.transport
        assert isinstance(transport, asyncio.Transport)
        transport.pause_reading()

    def resume(self) -> None:
        """Read again after a pause."""
        transport = self._writer.transport
        assert isinstance(transport, asyncio.Transport)
        transport.resume_reading()

    async def end(self) -> None:
        """Hang up; what the other side did not read is given up."""
        self._writer.transport.abort()
        try:
            await self._writer.wait_closed()
        except OSError:
            pass


@asynccontextmanager
async def dialled(address: str, *, receive_buffer: int = 0) -> AsyncIterator[RawSocket]:
    """A TCP connection to HOST:PORT."""
    host, _, port = address.rpartition(":")
    connecting = socket.socket()
    if receive_buffer:
        connecting.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connecting.setblocking(False)
    await asyncio.get_running_loop().sock_connect(connecting, (host, int(port)))
    found = RawSocket(*await asyncio.open_connection(sock=connecting, limit=1 << 20), client=True)
    try:
        yield found
    finally:
        await found.end()


def handshake(path: str, *, key: str | None = KEY, host: str = "localhost", headers: Mapping[str, str] | None = None) -> bytes:
    """The request of a WebSocket client."""
    fields = {
        "Host": host,
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": b64encode(os.urandom(16)).decode(),
        **({"Authorization": f"Bearer {key}"} if key else {}),
        **(headers or {}),
    }
    lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


@asynccontextmanager
async def upgraded(
    address: str, path: str, *, receive_buffer: int = 0, headers: Mapping[str, str] | None = None
) -> AsyncIterator[RawSocket]:
    """A WebSocket client after its handshake, which must succeed."""
    async with dialled(address, receive_buffer=receive_buffer) as found:
        await found.write(handshake(path, headers=headers))
        await found.read_head()
        assert found.status == 101, found.head
        yield found


Play = Callable[[RawSocket], Awaitable[None]]


class RawUpstream:
    """A provider that plays what the model in the query asks for; `seen` are its connections, in order."""

    def __init__(self, plays: Mapping[str, Play]) -> None:
        self.plays = plays
        self.seen: list[RawSocket] = []
        self.ended: list[asyncio.Event] = []
        """For each connection: its play is over, and so is the connection."""
        self.began = asyncio.Event()
        """A request has come."""
        self.address = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = RawSocket(reader, writer, client=False)
        over = asyncio.Event()
        self.seen.append(connection)
        self.ended.append(over)
        try:
            await connection.read_head()
            self.began.set()
            await self.plays[connection.query.get("model", "")](connection)
            await connection.read_to_end()
        except (asyncio.IncompleteReadError, OSError):
            pass  # the other side ended first: what it sent until then is in `received`
        finally:
            over.set()
            await connection.end()


async def accept(connection: RawSocket, more: str = "", reason: str = "Switching Protocols") -> None:
    """Answer the handshake, with more header lines."""
    key = connection.headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    answer = b64encode(sha1(key.encode(), usedforsecurity=False).digest()).decode()
    head = f"HTTP/1.1 101 {reason}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {answer}\r\n{more}\r\n"
    await connection.write(head.encode())


async def echo(connection: RawSocket) -> None:
    """Sends back every message as it came, until a Close."""
    await accept(connection)
    while True:
        opcode, payload = await connection.read_frame()
        await connection.send(opcode, payload)
        if opcode == CLOSE:
            return


@asynccontextmanager
async def raw_upstream(plays: Mapping[str, Play], *, tls: ssl.SSLContext | None = None) -> AsyncIterator[RawUpstream]:
    """It serves on loopback while the block lasts."""
    upstream = RawUpstream(plays)
    server = await asyncio.start_server(upstream.serve, "127.0.0.1", 0, limit=1 << 20, ssl=tls)
    upstream.address = "{}:{}".format(*server.sockets[0].getsockname()[:2])
    yield upstream
    server.close()
    for connection in upstream.seen:
        connection.cut()
    await server.wait_closed()
