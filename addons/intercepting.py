"""What an intercepted request is: a realtime socket, the offer of a call, or nothing of ours, which passes untouched."""

from __future__ import annotations

from typing import Final

from mitmproxy import http

from addons.access import Caller
from addons.tap import Tap
from providers import KINDS
from providers import recognise
from providers.base import Endpoint
from providers.base import Pairs
from providers.credentials import credentials_of
from providers.headers import asks_websocket
from providers.paths import as_call
from rules.access import LOCAL
from rules.match import RequestFacts
from rules.resolve import Refusal
from rules.resolve import resolve

SOCKETS: Final = frozenset({"realtime", "translations", "live"})
"""Endpoints that are WebSockets."""


def intercepted(tap: Tap, flow: http.HTTPFlow) -> Caller | None:
    """The caller of a realtime socket or of a call; None for every other request."""
    request = flow.request
    headers = tuple(request.headers.items(multi=True))
    query: Pairs = tuple(request.query.items(multi=True))
    path = request.path.partition("?")[0]
    upgrades = asks_websocket(headers)
    if not upgrades and request.method != "POST":
        return None
    found = recognise(request.host, path, query) or _by_route(tap, request.host, path, query)
    if found is not None and not upgrades:
        found = found if found.endpoint == "calls" else as_call(found)
    if found is None or (upgrades and found.endpoint not in SOCKETS):
        return None
    return Caller(found, credentials_of(headers, query), None)


def _by_route(tap: Tap, host: str, path: str, query: Pairs) -> Endpoint | None:
    """For hosts that are no provider's public ones, the route's provider says what the path means."""
    target = resolve(tap.rules, RequestFacts("intercept", path, host=host, key=LOCAL, model_in_message=True))
    if isinstance(target, Refusal):
        return None
    return KINDS[tap.rules.providers[target.provider].kind].endpoint(path, query)
