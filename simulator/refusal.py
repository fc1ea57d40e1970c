"""HTTP answers in the place of an upgrade: a status, headers and a JSON body."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from http import HTTPStatus
from typing import Any

from websockets.datastructures import Headers
from websockets.http11 import Response


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a client is told instead of 101; `echo` adds the request's headers to the message."""

    status: HTTPStatus
    code: str
    message: str
    headers: Mapping[str, str] = field(default_factory=dict)
    kind: str = "invalid_request_error"
    echo: bool = False

    def response(self, headers: Headers) -> Response:
        """The answer to a request with `headers`."""
        message = f"{self.message} {dict(headers.raw_items())}" if self.echo else self.message
        error = {"type": self.kind, "code": self.code, "message": message, "param": None}
        return answer(self.status, {"error": error}, self.headers)


def answer(status: HTTPStatus, body: Any, extra: Mapping[str, str] | None = None) -> Response:
    """A complete HTTP response with a JSON body; the connection closes after it."""
    payload = json.dumps(body).encode()
    headers = Headers({"Content-Type": "application/json", "Content-Length": str(len(payload)), "Connection": "close", **(extra or {})})
    return Response(status.value, status.phrase, headers, payload)
