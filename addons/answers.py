"""What a client is told before the upgrade: a status and one JSON shape, never HTML, never a secret."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from typing import Final

from mitmproxy import http

_TYPES: Final = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
    501: "not_implemented",
}
_CODES: Final = {413: "body_too_large", 431: "headers_too_large"}
"""Where the phrase of the status differs between versions of Python, or says little."""
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
    kind = _TYPES.get(status, "invalid_request_error" if status < 500 else "upstream_error" if status in (502, 504) else "server_error")
    error = {"message": message or HTTPStatus(status).phrase, "type": kind, "code": code or code_of(status), "param": param}
    return answer(status, {"error": error}, headers=headers)


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


def code_of(status: int) -> str:
    """The code of a refusal that has none of its own."""
    return _CODES.get(status) or HTTPStatus(status).phrase.lower().replace(" ", "_")


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
