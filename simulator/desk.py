"""Answers everything that is asked by another method than GET: one table of paths, one place for admission and errors.

Like OpenAI, and unlike a proxy, it lets pages of any origin in.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Final

from websockets.http11 import Response

from simulator import desk_calls
from simulator import desk_control
from simulator import desk_keys
from simulator.door import WRONG_KEY
from simulator.house import House
from simulator.record import Asked
from simulator.refusal import Refusal
from simulator.refusal import answer
from simulator.refusal import refused
from simulator.schema import Refused

_PREFLIGHT: Final = {
    "Access-Control-Allow-Methods": "POST, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, X-OpenAI-Agents-SDK, OpenAI-Safety-Identifier",
    "Access-Control-Max-Age": "600",
}
_CROSS_ORIGIN: Final = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "Location, X-Request-ID"}


@dataclass(frozen=True, slots=True)
class _Route:
    """`path` is the end of a path; without `ephemeral` an ephemeral key does not do."""

    path: re.Pattern[str]
    serve: Callable[[House, Asked], Awaitable[Response]]
    ephemeral: bool = True


def _route(path: str, serve: Callable[[House, Asked], Awaitable[Response]], *, ephemeral: bool = True) -> _Route:
    return _Route(re.compile(f"{path}/?$"), serve, ephemeral)


_ROUTES: Final = (
    _route("/realtime/translations/client_secrets", desk_keys.mint_translation, ephemeral=False),
    _route("/realtime/client_secrets", desk_keys.mint, ephemeral=False),
    _route("/realtime/transcription_sessions", desk_keys.mint_beta_transcription, ephemeral=False),
    _route("/(realtime|realtimeapi)/sessions", desk_keys.mint_beta, ephemeral=False),
    _route("/realtime/(translations/)?calls/[^/]+/hangup", desk_control.hangup),
    _route("/realtime/calls/[^/]+/accept", desk_control.accept, ephemeral=False),
    _route("/realtime/calls/[^/]+/reject", desk_control.reject, ephemeral=False),
    _route("/realtime/calls/[^/]+/refer", desk_control.refer, ephemeral=False),
    _route("/live/sessions", desk_calls.live),
    *(_route(way.end, partial(desk_calls.call, way=way)) for way in desk_calls.WAYS),
)


class Desk:
    """`respond` always has an answer, unless it was asked to have none."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def respond(self, asked: Asked) -> Response:
        """The complete answer, which is also noted in `asked`."""
        response = await self._respond(asked)
        if "Origin" in asked.headers:
            response.headers.update(_CROSS_ORIGIN)
        asked.status = response.status_code
        return response

    async def _respond(self, asked: Asked) -> Response:
        route = next((each for each in _ROUTES if each.path.search(asked.path)), None)
        if route is None:
            return Refusal(HTTPStatus.NOT_FOUND, "unknown_url", f"Unknown request URL: {asked.path}.").response(asked.headers)
        if asked.method == "OPTIONS":
            return answer(HTTPStatus.NO_CONTENT, b"", _PREFLIGHT)
        if asked.method != "POST":
            return Refusal(HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed", "Only POST is served here.").response(asked.headers)
        if not self._house.guard.admits(asked, ephemeral=route.ephemeral):
            return refused(WRONG_KEY, HTTPStatus.UNAUTHORIZED).response(asked.headers)
        try:
            return await route.serve(self._house, asked)
        except Refused as refusal:
            return refused(refusal).response(asked.headers)
