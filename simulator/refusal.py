"""HTTP answers as a whole: a status, headers and a body, JSON nearly always."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from http import HTTPStatus
from typing import Any

from websockets.datastructures import Headers
from websockets.http11 import Response

from simulator.schema import Refused


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a client is told instead of 101 or 201; `echo` adds the request's headers to the message."""

    status: HTTPStatus
    code: str
    message: str
    headers: Mapping[str, str] = field(default_factory=dict)
    kind: str = "invalid_request_error"
    param: str | None = None
    echo: bool = False
    html: bool = False
    """The message is a page, and the whole answer."""

    def response(self, headers: Headers) -> Response:
        """The answer to a request with `headers`."""
        if self.html:
            return answer(self.status, self.message.encode(), {"Content-Type": "text/html", **self.headers})
        message = f"{self.message} {dict(headers.raw_items())}" if self.echo else self.message
        error = {"type": self.kind, "code": self.code, "message": message, "param": self.param}
        return answer(self.status, {"error": error}, self.headers)


def refused(error: Refused, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> Refusal:
    """The HTTP answer that says what an `error` event would say."""
    return Refusal(status, error.code, error.message, kind=error.kind, param=error.param)


def answer(status: HTTPStatus, body: Any, extra: Mapping[str, str] | None = None) -> Response:
    """A complete HTTP response, bytes as they are and all else as JSON; the connection closes after it."""
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Content-Type": "application/json", "Content-Length": str(len(payload)), "Connection": "close", **(extra or {})}
    return Response(status.value, status.phrase, Headers(headers), payload)
