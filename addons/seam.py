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
from mitmproxy.net.http import http1
from mitmproxy.proxy import commands
from mitmproxy.proxy import layers
from mitmproxy.proxy import server
from mitmproxy.proxy.layers.http import HttpStream
from mitmproxy.proxy.layers.http import _http1
from mitmproxy.proxy.layers.http._events import RequestProtocolError
from mitmproxy.proxy.layers.http._events import ResponseProtocolError
from mitmproxy.proxy.layers.http._hooks import HttpErrorHook

from addons.answers import refusal

TESTED: Final = ((12, 2, 3), (12, 3))
"""mitmproxy versions that the contract tests were run with: from, up to but not including."""

ON_FAILURE: Final = "voicetap.on_failure"
"""Key of `flow.metadata`: makes the response of a flow whose upstream failed before it answered."""

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
    server.ConnectionHandler.drain_writers = _drain_others
    HttpStream.handle_protocol_error = _handle_protocol_error
    _http1.make_error_response = _json_error


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
    yield HttpErrorHook(flow)
    flow.response = make(event.message)
    yield from stream.send_response()


def _json_error(status_code: int, message: str = "") -> bytes:
    """What a request that could not even be parsed is answered with."""
    response = refusal(status_code, message)
    response.headers["connection"] = "close"
    assembled: bytes = http1.assemble_response(response)  # type: ignore[no-untyped-call]
    return assembled
