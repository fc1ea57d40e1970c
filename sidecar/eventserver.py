"""The loopback server that the proxy dials as the provider of a call's events: `ws://HOST:PORT/calls/<id>` with the call's ticket."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from typing import Final
from urllib.parse import urlsplit

from websockets.asyncio.server import Server
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve
from websockets.http11 import Request
from websockets.http11 import Response

from sidecar.bridge import Bridge
from sidecar.limits import DELIVERY_SECONDS
from sidecar.limits import MESSAGE_BYTES

HOST: Final = "127.0.0.1"
PREFIX: Final = "/calls/"

Find = Callable[[str], Bridge | None]


async def events_server(find: Find) -> Server:
    """Listening on a port of loopback; `find` returns the events of a call."""

    def check(socket: ServerConnection, request: Request) -> Response | None:
        """The same refusal for an unknown call and a wrong ticket, so that neither tells about the other."""
        bridge = find(_call(request))
        shown = request.headers.get_all("Authorization")
        scheme, _, ticket = (shown[0] if len(shown) == 1 else "").partition(" ")
        if bridge is None or scheme.lower() != "bearer" or not bridge.admits(ticket.strip()):
            return socket.respond(HTTPStatus.UNAUTHORIZED, "no call waits for this ticket\n")
        return None

    async def carry(socket: ServerConnection) -> None:
        assert socket.request is not None
        bridge = find(_call(socket.request))
        if bridge is not None:
            await bridge.dialled(socket)

    options: dict[str, Any] = {"compression": None, "ping_interval": None, "close_timeout": DELIVERY_SECONDS, "max_size": MESSAGE_BYTES}
    return await serve(carry, HOST, 0, process_request=check, **options)


def _call(request: Request) -> str:
    path = urlsplit(request.path).path
    return path.removeprefix(PREFIX) if path.startswith(PREFIX) else ""
