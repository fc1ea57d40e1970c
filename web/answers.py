"""Errors of the control port, in the same JSON shape as those of the other doors."""

from __future__ import annotations

import json
from collections.abc import Mapping

from starlette.responses import Response

from addons.errorbody import body_of


def refused(
    status: int, message: str, *, code: str | None = None, param: str | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    """`{"error": {message, type, code, param}}` with the given status."""
    fields = {"content-type": "application/json", "cache-control": "no-store", **(headers or {})}
    return Response(json.dumps(body_of(status, message, code=code, param=param)), status, headers=fields)


class Refused(Exception):
    """A request that cannot be answered; carries the answer."""

    def __init__(self, status: int, message: str, *, code: str | None = None, param: str | None = None) -> None:
        super().__init__(message)
        self.answer = refused(status, message, code=code, param=param)
