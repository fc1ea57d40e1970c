"""A bare two-pump relay on the `websockets` package, as one would write it in ten minutes: the floor a Python proxy is compared with."""

from __future__ import annotations

import asyncio
import sys

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed


async def _pump(source: ServerConnection | ClientConnection, sink: ServerConnection | ClientConnection) -> None:
    try:
        async for message in source:
            await sink.send(message)
    except ConnectionClosed:
        pass
    await sink.close()


async def relay(port: int, upstream: str) -> None:
    """Serves on loopback until cancelled; every session gets an upstream session of its own."""

    async def session(client: ServerConnection) -> None:
        assert client.request is not None
        async with connect(upstream + client.request.path, compression=None, max_size=None) as server:
            await asyncio.gather(_pump(client, server), _pump(server, client))

    async with serve(session, "127.0.0.1", port, compression=None, max_size=None) as listener:
        await listener.serve_forever()


if __name__ == "__main__":
    asyncio.run(relay(int(sys.argv[1]), sys.argv[2]))
