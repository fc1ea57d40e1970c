"""The places of mitmproxy's private API that voicetap stands on, put in place once, before the first flow.

`install` refuses a mitmproxy it was not tested with. Everything else that is private lives in `relay.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from collections.abc import Generator
from typing import Any
from typing import Final

from mitmproxy import flow as mitm_flow
from mitmproxy import http
from mitmproxy import version
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.connection import Client
from mitmproxy.net.http import http1
from mitmproxy.proxy import commands
from mitmproxy.proxy import events
from mitmproxy.proxy import layers
from mitmproxy.proxy import server
from mitmproxy.proxy.layers.http import HttpStream
from mitmproxy.proxy.layers.http import SendHttp
from mitmproxy.proxy.layers.http import _http1
from mitmproxy.proxy.layers.http._events import ErrorCode
from mitmproxy.proxy.layers.http._events import RequestProtocolError
from mitmproxy.proxy.layers.http._events import ResponseData
from mitmproxy.proxy.layers.http._events import ResponseHeaders
from mitmproxy.proxy.layers.http._events import ResponseProtocolError
from mitmproxy.proxy.layers.http._hooks import HttpErrorHook

from addons.answers import refusal

TESTED: Final = ((12, 2, 3), (12, 3))
"""mitmproxy versions that the contract tests were run with: from, up to but not including."""

ON_FAILURE: Final = "voicetap.on_failure"
"""Key of `flow.metadata`: makes the response of a flow whose upstream failed before it answered."""

ANSWERED: Final = "voicetap.answered"
"""Key of `flow.metadata`: set once such a response was made."""

BODY_LIMIT: Final = "voicetap.body_limit"
"""Key of `flow.metadata`: the most bytes a request body may have."""

TOLD: Final = "voicetap.told"
"""Key of `flow.metadata`: headers of every answer to this request, whoever makes it."""

MAX_HEAD: Final = 64 * 1024
"""Bytes of a request line and headers."""

MAX_REFUSAL: Final = 256 * 1024
"""Bytes of an upstream's answer to a handshake that are read where it is no upgrade."""

OnFailure = Callable[[str], http.Response]


class UnsupportedMitmproxy(RuntimeError):
    """This mitmproxy is outside the tested range."""


def install(relay_layer: type[layers.WebsocketLayer]) -> None:
    """Put our layer and the corrections in the place of mitmproxy's own; repeating it is harmless.

    Raises UnsupportedMitmproxy.
    """
    seen = tuple(int(part) for part in version.VERSION.split(".")[:3] if part.isdigit())
    if not TESTED[0] <= seen < TESTED[1]:
        raise UnsupportedMitmproxy(f"mitmproxy {version.VERSION} is installed, voicetap is tested with 12.2.3 up to 12.3")
    layers.websocket.WebsocketLayer = relay_layer  # type: ignore[misc]
    server.ConnectionHandler.drain_writers = _drain_others  # type: ignore[method-assign]
    HttpStream.handle_protocol_error = _handle_protocol_error  # type: ignore[method-assign, assignment]
    HttpStream.check_body_size = _check_body_size  # type: ignore[method-assign, assignment]
    _http1.Http1Server.read_headers = _read_headers  # type: ignore[method-assign, assignment]
    _http1.make_error_response = _json_error


def abandon_upstream(servers: Proxyserver, client: Client) -> None:
    """Give up every upstream connection of a client's connection, established or not."""
    handler = servers.connections.get(client.id)
    for connection, transport in list(handler.transports.items()) if handler is not None else ():
        if connection is not client and transport.handler is not None:
            transport.handler.cancel("upstream did not answer in time")


def abandon_client(servers: Proxyserver, client: Client) -> None:
    """Give up a client's connection, as mitmproxy's own watchdog does."""
    handler = servers.connections.get(client.id)
    if handler is not None:
        _hang_up_on(handler, "no complete request in time")


async def abandon_all(servers: Proxyserver) -> None:
    """Stop listening, give up every connection, and return once mitmproxy is done with all of them.

    Connections that the end of the loop finds open are cancelled one level higher, which CPython 3.12 reports as an error each.
    """
    await servers.servers.update(())
    while servers.connections:
        for handler in list(servers.connections.values()):
            _hang_up_on(handler, "proxy stopped")
        await asyncio.sleep(0.005)


def _hang_up_on(handler: server.ConnectionHandler, reason: str) -> None:
    """Once: what mitmproxy does afterwards is not to be cancelled again."""
    transport = handler.transports.get(handler.client)
    task = transport.handler if transport is not None else None
    if task is not None and not task.cancelling():
        task.cancel(reason)


async def _drain_others(handler: server.ConnectionHandler) -> None:
    """Backpressure without a stall: wait for the sides that are written to, not for the one being read.

    mitmproxy drains every transport of a session under one lock, so a peer that stops reading stops its own uplink too.
    """
    reading = asyncio.current_task()
    for transport in list(handler.transports.values()):
        if transport.writer is None or transport.handler is reading:
            continue
        try:
            await transport.writer.drain()
        except OSError as error:
            if transport.handler is not None:
                transport.handler.cancel(f"Error sending data: {error}")


_original_handle_protocol_error = HttpStream.handle_protocol_error


def _handle_protocol_error(
    stream: HttpStream, event: RequestProtocolError | ResponseProtocolError
) -> Generator[commands.Command, Any, None]:
    """Answer a failed upstream with the flow's own JSON; `flow.response` set in an `error` hook would be ignored."""
    flow = getattr(stream, "flow", None)
    make: OnFailure | None = flow.metadata.get(ON_FAILURE) if flow is not None else None
    unanswered = stream.server_state not in (stream.state_done, stream.state_errored)
    if make is None or flow is None or not isinstance(event, ResponseProtocolError) or not unanswered:
        yield from _original_handle_protocol_error(stream, event)
        return
    flow.error = mitm_flow.Error(event.message)
    flow.metadata[ANSWERED] = True
    yield HttpErrorHook(flow)
    flow.response = make(event.message)
    yield from stream.send_response()


_original_check_body_size = HttpStream.check_body_size
_original_read_headers = _http1.Http1Server.read_headers


def _check_body_size(stream: HttpStream, request: bool) -> Generator[commands.Command, Any, bool]:
    """mitmproxy's own limit holds for all traffic; these ones for the flows that ask for them."""
    if not request and ON_FAILURE in stream.flow.metadata and len(stream.response_body_buf) > MAX_REFUSAL:
        yield from _enough(stream)
        return True
    limit: int | None = stream.flow.metadata.get(BODY_LIMIT)
    if not request or limit is None or len(stream.request_body_buf) <= limit:
        return (yield from _original_check_body_size(stream, request))
    message = f"request body of at least {len(stream.request_body_buf)} bytes, at most {limit} are allowed"
    yield from _hang_up(stream, refusal(413, message))
    stream.client_state = stream.state_errored
    stream.flow.live = False
    return True


def _hang_up(stream: HttpStream, response: http.Response) -> Generator[commands.Command, Any, None]:
    """Answer a request that is not over yet, and read no more of it.

    Not by way of a hook: mitmproxy forgets to close a connection that is given up while more of it waits to be handled.
    """
    response.headers.update({"connection": "close", **stream.flow.metadata.get(TOLD, {})})
    yield SendHttp(ResponseHeaders(stream.stream_id, response), stream.context.client)
    yield SendHttp(ResponseData(stream.stream_id, response.raw_content or b""), stream.context.client)
    yield commands.CloseConnection(stream.context.client)


def _enough(stream: HttpStream) -> Generator[commands.Command, Any, None]:
    """Hang up on an upstream that does not stop explaining its refusal, and go on with what it said."""
    message, response = "the body is too long", stream.flow.response
    assert response is not None
    yield SendHttp(RequestProtocolError(stream.stream_id, message, ErrorCode.RESPONSE_TOO_LARGE), stream.context.server)
    response.headers.pop("transfer-encoding", None)
    response.content = bytes(stream.response_body_buf)
    stream.response_body_buf.clear()
    yield from stream.send_response()


def _read_headers(http_server: _http1.Http1Server, event: events.ConnectionEvent) -> Generator[commands.Command, Any, None]:
    """mitmproxy buffers headers of any length."""
    yield from _original_read_headers(http_server, event)
    if http_server.state == http_server.read_headers and len(http_server.buf) > MAX_HEAD:
        yield commands.SendData(http_server.conn, _json_error(431, f"more than {MAX_HEAD} bytes of headers"))
        yield commands.CloseConnection(http_server.conn)
        http_server.state = http_server.done


def _json_error(status_code: int, message: str = "") -> bytes:
    """What a request that could not even be parsed is answered with."""
    response = refusal(status_code, message)
    response.headers["connection"] = "close"
    assembled: bytes = http1.assemble_response(response)
    return assembled
