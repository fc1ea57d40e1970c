"""Web pages at the gateway: only those of allowed origins are served, and only they are told what a browser needs to hear.

A preflight carries no credential, so it is answered before one is asked for. `Origins` stands before `Access`, `CorsHeaders` last.
"""

from __future__ import annotations

from typing import Final

from mitmproxy import http

from addons.answers import refusal
from addons.hostnames import names_server
from addons.seam import TOLD
from addons.tap import Tap
from addons.tap import door_of
from providers.base import Endpoint
from providers.paths import as_call
from providers.paths import gateway_path
from providers.tails import CONTROLS
from providers.tails import SECRETS

HEADERS: Final = "Authorization, Content-Type, X-OpenAI-Agents-SDK, OpenAI-Safety-Identifier"
"""Request headers that a page may send. A `*` would not cover Authorization."""

EXPOSED: Final = "Location, X-Voicetap-Budget"
"""Response headers that a page may read: without the first no call has an id."""

MAX_AGE: Final = 600
"""Seconds for which a browser may remember the answer to a preflight."""

_POSTED: Final = frozenset(("calls", *CONTROLS, *SECRETS))
_VARIES: Final = {"vary": "Origin"}
_PREFLIGHT: Final = "voicetap.preflight"
_PRIVATE: Final = "access-control-request-private-network"


class Origins:
    """Refuses pages of other origins, `null` among them, before anything else is looked at, and answers preflights."""

    def __init__(self, tap: Tap) -> None:
        self.tap = tap

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        request = flow.request
        if door_of(flow) != "gateway" or flow.response is not None or "origin" not in request.headers:
            return
        origin = request.headers["origin"]
        if not _allowed(self.tap, request):
            message = f"origin {origin[:100]!r} is not allowed; list it under listen.origins in rules.yaml"
            flow.response = refusal(403, message, code="origin_not_allowed", headers=_VARIES)
            return
        flow.metadata[TOLD] = {"access-control-allow-origin": origin, "access-control-expose-headers": EXPOSED, **_VARIES}
        if request.method == "OPTIONS" and "access-control-request-method" in request.headers:
            flow.metadata[_PREFLIGHT] = True
            flow.response = _preflight(request)


class CorsHeaders:
    """Tells a browser that its page may read the answer, also where that is an error; nobody else is told anything."""

    def response(self, flow: http.HTTPFlow) -> None:
        response = flow.response
        if door_of(flow) != "gateway" or response is None or response.status_code == 101:
            return
        if _PREFLIGHT not in flow.metadata:
            _forget(response)
        response.headers.update(flow.metadata.get(TOLD, {}))


def _allowed(tap: Tap, request: http.Request) -> bool:
    """Whether the page that sends a request with an Origin may use the gateway. The origin has to be the only one, and exact."""
    origins = request.headers.get_all("origin")
    return len(origins) == 1 and (tap.allows_origin(origins[0]) or names_server(origins[0], request.headers.get("host", "")))


def _forget(response: http.Response) -> None:
    """What a provider allows its own callers says nothing about ours."""
    for name in [name for name in response.headers if name.lower().startswith("access-control-")]:
        del response.headers[name]


def _preflight(request: http.Request) -> http.Response:
    found = gateway_path(request.path.partition("?")[0], tuple(request.query.items(multi=True)))
    if found is None:
        return refusal(404, f"no such path on this gateway: {request.path.partition('?')[0][:200]}")
    if not _takes_post(found):
        return refusal(405, "this path takes GET", headers={"allow": "GET"})
    fields = {
        "access-control-allow-methods": "POST, OPTIONS",
        "access-control-allow-headers": HEADERS,
        "access-control-max-age": str(MAX_AGE),
    }
    if request.headers.get(_PRIVATE, "").strip().lower() == "true":
        fields["access-control-allow-private-network"] = "true"
    return http.Response.make(204, b"", fields)


def _takes_post(endpoint: Endpoint) -> bool:
    return endpoint.endpoint in _POSTED or as_call(endpoint) is not None
