"""How every refusal is put, whichever door it is told at: one JSON shape, with a type and a code for each status."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from typing import Final

_TYPES: Final = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
    501: "not_implemented",
}
_CODES: Final = {413: "body_too_large", 431: "headers_too_large"}
"""Where the phrase of the status differs between versions of Python, or says little."""


def body_of(status: int, message: str, *, code: str | None = None, param: str | None = None) -> dict[str, Any]:
    """`{"error": {message, type, code, param}}`."""
    kind = _TYPES.get(status, "invalid_request_error" if status < 500 else "upstream_error" if status in (502, 504) else "server_error")
    return {"error": {"message": message or HTTPStatus(status).phrase, "type": kind, "code": code or code_of(status), "param": param}}


def code_of(status: int) -> str:
    """The code of a refusal that has none of its own."""
    return _CODES.get(status) or HTTPStatus(status).phrase.lower().replace(" ", "_")
