"""A proxy that stops leaves no connection behind, whatever state it is in, and has nothing to complain about."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from proxying import StartProxy
from rawsocket import RawSocket
from rawsocket import dialled

MODELS = b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def answered(client: RawSocket) -> None:
    """A whole request and its answer: the connection is kept alive."""
    await client.write(MODELS)
    await client.read_head()
    assert (client.status, client.headers.get("connection")) == (401, None)
    await client.read_body()


async def test_connections_that_are_kept_end_before_the_proxy_does(start_proxy: StartProxy) -> None:
    proxy = await start_proxy()
    ended = asyncio.Event()

    async def elsewhere(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        await reader.read()
        ended.set()
        writer.close()

    async with AsyncExitStack() as stack:
        other = await stack.enter_async_context(await asyncio.start_server(elsewhere, "127.0.0.1", 0))
        port = other.sockets[0].getsockname()[1]
        idle, kept, halfway, again = [await stack.enter_async_context(dialled(proxy.gateway)) for _ in range(4)]
        tunnel = await stack.enter_async_context(dialled(proxy.intercept))
        await answered(kept)
        await halfway.write(MODELS[:20])
        await answered(again)
        await again.write(b"POST /v1/realtime/calls HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nv=0")
        await tunnel.write(f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        await tunnel.read_head()
        await tunnel.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert "204 No Content" in await tunnel.read_head()
        assert await proxy.stop() == 0
        for client in (idle, kept, halfway, again, tunnel):
            await client.read_to_end()
        await asyncio.wait_for(ended.wait(), 20)
    assert not [line for line in proxy.output if "ERROR" in line or "Traceback" in line], "".join(proxy.output)
