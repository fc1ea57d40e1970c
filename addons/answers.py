"""What a client is told before the upgrade: a status and one JSON shape, never HTML, never a secret."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any
from typing import Final

from mitmproxy import http

from addons.errorbody import body_of

_WEBSOCKET_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def refusal(
    status: int,
    message: str,
    *,
    code: str | None = None,
    param: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> http.Response:
    """An error response: `{"error": {message, type, code, param}}` with the given status."""
    return answer(status, body_of(status, message, code=code, param=param), headers=headers)


def answer(status: int, body: Any, *, headers: Mapping[str, str] | None = None) -> http.Response:
    """A JSON response that no cache keeps."""
    fields = {"content-type": "application/json", "cache-control": "no-store", **(headers or {})}
    return http.Response.make(status, json.dumps(body).encode(), fields)


def upgrade(key: str, subprotocol: str | None) -> http.Response:
    """A 101 of our own, for the refusals that a browser can only read on an open socket."""
    accept = base64.b64encode(hashlib.sha1(key.encode() + _WEBSOCKET_GUID, usedforsecurity=False).digest()).decode()
    fields = {"upgrade": "websocket", "connection": "Upgrade", "sec-websocket-accept": accept}
    if subprotocol:
        fields["sec-websocket-protocol"] = subprotocol
    return http.Response.make(101, b"", fields)


class NotAdmitted(Exception):
    """A refusal with its status, code and message for the client, the parameter that it is about, and when to come again."""

    def __init__(self, status: int, code: str, message: str, *, param: str | None = None, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.param = param
        self.retry_after = retry_after

    def answer(self) -> http.Response:
        headers = {"retry-after": str(self.retry_after)} if self.retry_after is not None else None
        return refusal(self.status, str(self), code=self.code, param=self.param, headers=headers)
