"""One port for two servers: the first bytes of a connection decide. GET goes to the WebSocket server, all else to an HTTP server.

Each answers one request and then closes its connection, so methods never mix on one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from collections.abc import Callable
from typing import Any
from typing import Final

from starlette.requests import ClientDisconnect
from starlette.requests import Request
from starlette.responses import Response as HttpResponse
from starlette.types import Receive
from starlette.types import Scope
from starlette.types import Send
from uvicorn import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState
from websockets.asyncio.server import ServerConnection
from websockets.datastructures import Headers
from websockets.http11 import Response

from simulator.record import Asked

_GET: Final = b"GET "
_MOST_BODY: Final = 1024 * 1024


class HttpSide:
    """The HTTP server: makes an `Asked` of every request and sends what `respond` gives back."""

    def __init__(self, respond: Callable[[Asked], Awaitable[Response]]) -> None:
        self._respond = respond
        self._config = Config(
            self._serve,
            interface="asgi3",
            proxy_headers=False,
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
        )
        self._state = ServerState()
        self._silent: set[asyncio.Transport] = set()

    def wait_for(self, transport: asyncio.Transport) -> None:
        """A connection that has not said what it wants."""
        self._silent.add(transport)

    def forget(self, transport: asyncio.Transport) -> None:
        """It has, or it is gone."""
        self._silent.discard(transport)

    def take(self, transport: asyncio.Transport, first: bytes) -> None:
        """Serves this connection from here on; `first` was read already."""
        protocol = H11Protocol(self._config, self._state, {})
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        protocol.data_received(first)

    async def close(self) -> None:
        """Ends all connections that are not WebSockets, and waits for what was under way on them."""
        for transport in (*self._silent, *(protocol.transport for protocol in self._state.connections)):
            transport.abort()
        if self._state.tasks:
            await asyncio.wait(self._state.tasks)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            asked = await _read(request)
        except ClientDisconnect:
            return
        if asked is None:
            response = HttpResponse(status_code=413, headers={"Connection": "close"})
        else:
            found = await self._respond(asked)
            response = HttpResponse(bytes(found.body or b""), found.status_code)
            response.raw_headers = [(name.lower().encode(), value.encode()) for name, value in found.headers.raw_items()]
        await response(scope, receive, send)


async def _read(request: Request) -> Asked | None:
    """The whole request; None when its body is too long."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > _MOST_BODY:
            return None
    raw = request.scope["raw_path"].decode("latin-1")
    query = request.scope["query_string"].decode("latin-1")
    headers = Headers([(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw])
    return Asked(f"{raw}?{query}" if query else raw, headers, request.method, body)


class Front(ServerConnection):
    """A WebSocket server connection that first looks whether it is wanted."""

    def __init__(self, http: HttpSide, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._http = http
        self._arrived: asyncio.Transport | None = None
        self._first = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Nothing is known yet."""
        if isinstance(transport, asyncio.Transport):
            self._arrived = transport
            self._http.wait_for(transport)

    def data_received(self, data: bytes) -> None:
        """The first four bytes decide."""
        arrived = self._arrived
        if arrived is None:
            super().data_received(data)
            return
        self._first += data
        if len(self._first) < len(_GET) and _GET.startswith(self._first):
            return
        self._settled(arrived)
        if self._first.startswith(_GET):
            super().connection_made(arrived)
            super().data_received(self._first)
        else:
            self._http.take(arrived, self._first)

    def eof_received(self) -> None:
        """Of one that never said anything, the end of it."""
        if self._arrived is None:
            super().eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """The same."""
        if self._arrived is None:
            super().connection_lost(exc)
        else:
            self._settled(self._arrived)

    def _settled(self, transport: asyncio.Transport) -> None:
        self._arrived = None
        self._http.forget(transport)
