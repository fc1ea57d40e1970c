"""Who calls: every request of the gateway door is admitted or refused here, before anything upstream is touched."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from typing import Final

from mitmproxy import http

from addons.answers import answer
from addons.answers import refusal
from addons.answers import upgrade
from addons.hostnames import LOCAL_NAMES
from addons.hostnames import hostname
from addons.hostnames import is_loopback
from addons.relay import REFUSED
from addons.seam import BODY_LIMIT
from addons.tap import Tap
from addons.tap import door_of
from addons.tickets import PREFIX as TICKET
from addons.tickets import Ticket
from addons.tokens import EPHEMERAL
from addons.tokens import NotAccepted
from providers.base import Endpoint
from providers.base import Pairs
from providers.credentials import Presented
from providers.credentials import answered
from providers.credentials import credentials_of
from providers.headers import asks_websocket
from providers.paths import as_call
from providers.paths import gateway_path
from providers.tails import CONTROLS
from providers.tails import SECRETS
from realtime.errors import provider_error_event
from realtime.framing import Close
from rules.access import FOREIGN
from rules.access import LOCAL
from rules.access import Key
from rules.keys import allows
from rules.keys import find_key
from rules.keys import state
from store.clock import utc_now
from store.errors import StoreError
from store.tokens import PREFIX as TOKEN
from store.tokens import Token

logger = logging.getLogger(__name__)

CALLER: Final = "voicetap.caller"
"""Key of `flow.metadata`: the admitted `Caller` of a gateway request."""

SHOWN: Final = "voicetap.shown"
"""Key of `flow.metadata`: the id of a key that was shown and works no more."""

MAX_BODY: Final = 1 << 20
"""Bytes of a request body on the gateway door; SDP offers and session configurations are far smaller."""

POSTED: Final = frozenset(("calls", *CONTROLS, *SECRETS))
"""Endpoints that take a POST and nothing else."""


@dataclass(frozen=True, slots=True)
class Caller:
    """An admitted request: what its path means, what it brought, and whose key it showed."""

    endpoint: Endpoint
    presented: Presented = field(repr=False)
    key: Key | None
    """None for an app on the intercept door."""
    ticket: Ticket | None = None
    """What our own sidecar comes with."""
    token: Token | None = None
    """The ephemeral key that was shown; `key` is the one that it belongs to."""
    foreign: bool = False
    """True for an ephemeral key of a provider's own, which the rules let pass."""

    @property
    def principal(self) -> str:
        """Who the session is accounted to."""
        if self.key is not None:
            return self.key.id
        return FOREIGN if self.foreign else LOCAL


class Access:
    """Checks in this order: path, host, credential, method; `Origins` looked at the origin before. Room is asked for by a session."""

    def __init__(self, tap: Tap) -> None:
        self.tap = tap

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        if door_of(flow) != "gateway":
            return
        flow.metadata[BODY_LIMIT] = MAX_BODY
        if flow.response is not None:
            return
        request = flow.request
        query: Pairs = tuple(request.query.items(multi=True))
        endpoint = gateway_path(request.path.partition("?")[0], query)
        presented = credentials_of(request.headers.items(multi=True), query)
        if endpoint is None:
            flow.response = refusal(404, f"no such path on this gateway: {request.path.partition('?')[0][:200]}")
            return
        flow.response = self._host(flow)
        if flow.response is None:
            self._asked(flow, endpoint, presented)
        if flow.response is None and (caller := flow.metadata.get(CALLER)) is not None:
            flow.response = self._method(flow, caller)

    def _host(self, flow: http.HTTPFlow) -> http.Response | None:
        """On a loopback listener only loopback names are served: a page of a rebound DNS name shows its own."""
        listening = flow.client_conn.sockname[0] if flow.client_conn.sockname else ""
        if not is_loopback(listening):
            return None
        name = hostname(flow.request.headers.get("host", ""))
        if name in LOCAL_NAMES or is_loopback(name) or not name:
            return None
        return refusal(421, f"this gateway answers to loopback names only, not to {name[:100]!r}", code="misdirected_request")

    def _asked(self, flow: http.HTTPFlow, endpoint: Endpoint, presented: Presented) -> None:
        try:
            self._credential(flow, endpoint, presented)
        except (OSError, StoreError) as error:
            logger.error("a request is refused, since the keys cannot be read: %s", error)
            flow.response = refusal(503, "the keys cannot be read", code="keys_unavailable", headers={"retry-after": "5"})

    def _credential(self, flow: http.HTTPFlow, endpoint: Endpoint, presented: Presented) -> None:
        if (ticket := self._ticket(flow, endpoint, presented)) is not None:
            flow.metadata[CALLER] = Caller(endpoint, presented, None, ticket)
            return
        if presented.value and presented.value.startswith(EPHEMERAL):
            self._ephemeral(flow, endpoint, presented, presented.value)
            return
        key = find_key(self.tap.keys, presented.value) if presented.value else None
        if key is not None and state(key, utc_now()) == "ok":
            flow.metadata[CALLER] = Caller(endpoint, presented, key)
            return
        if key is not None:
            flow.metadata[SHOWN] = key.id
            reason, code = f"this key is {state(key, utc_now())}", "invalid_api_key"
        elif presented.value:
            reason, code = "this key is not known here; `./run.sh keys new <name>` makes one", "invalid_api_key"
        else:
            reason, code = "no key: send a voicetap key as `Authorization: Bearer vt_…`", "missing_api_key"
        refuse_credential(flow, presented, reason, code)

    def _ticket(self, flow: http.HTTPFlow, endpoint: Endpoint, presented: Presented) -> Ticket | None:
        """What our own sidecar shows; it opens the socket of its call, once, and nothing else."""
        text = presented.value or ""
        opens = text.startswith(TICKET) and flow.request.method == "GET" and endpoint.endpoint == "realtime"
        return self.tap.tickets.take(text) if opens else None

    def _ephemeral(self, flow: http.HTTPFlow, endpoint: Endpoint, presented: Presented, text: str) -> None:
        if self.tap.rules.foreign_secrets == "pass" and not text.startswith(TOKEN):
            flow.metadata[CALLER] = Caller(endpoint, presented, None, foreign=True)
            return
        try:
            token, key = self.tap.tokens.accept(text, flow.request.headers.get("origin"), self.tap.keys, utc_now())
        except NotAccepted as error:
            refuse_credential(flow, presented, str(error), error.code, error.status)
        else:
            flow.metadata[CALLER] = Caller(endpoint, presented, key, token=token)

    def _method(self, flow: http.HTTPFlow, caller: Caller) -> http.Response | None:
        request, endpoint = flow.request, caller.endpoint
        if request.method == "POST":
            return self._post(flow, caller)
        if endpoint.endpoint in POSTED:
            return _not_allowed("POST")
        if request.method != "GET":
            return _not_allowed("GET")
        if endpoint.endpoint == "models":
            return self._models(caller)
        if not asks_websocket(request.headers.items(multi=True)):
            return refusal(426, "this path is a WebSocket: connect with an upgrade", headers={"upgrade": "websocket"})
        if request.headers.get("sec-websocket-version") != "13" or not request.headers.get("sec-websocket-key"):
            return refusal(400, "not a WebSocket handshake of RFC 6455", headers={"sec-websocket-version": "13"})
        return None

    def _post(self, flow: http.HTTPFlow, caller: Caller) -> http.Response | None:
        """A POST on the path of a WebSocket is the offer of a call."""
        posted = caller.endpoint if caller.endpoint.endpoint in POSTED else as_call(caller.endpoint)
        if posted is None:
            return _not_allowed("GET")
        encoding = flow.request.headers.get("content-encoding", "identity")
        if encoding.strip().lower() not in ("", "identity"):
            return refusal(415, f"a body is sent as it is, not as {encoding[:40]!r}", headers={"accept-encoding": "identity"})
        flow.metadata[CALLER] = replace(caller, endpoint=posted)
        return None

    def _models(self, caller: Caller) -> http.Response:
        """The realtime models that the rules name and this key may use, in OpenAI's list shape."""
        key = caller.key
        named = (
            (model, name)
            for name, provider in self.tap.rules.providers.items()
            for model in dict.fromkeys(provider.models.values())
            if "*" not in model and (key is None or allows(key, model, name))
        )
        made = [{"id": model, "object": "model", "created": 0, "owned_by": name} for model, name in named]
        return answer(200, {"object": "list", "data": made})


def refuse_credential(flow: http.HTTPFlow, presented: Presented, message: str, code: str, status: int = 401) -> None:
    """Refuse a credential so that its sender can read why: on the open socket where it came as a subprotocol."""
    key = flow.request.headers.get("sec-websocket-key")
    if presented.source != "subprotocol" or not key:
        headers = {"www-authenticate": "Bearer"} if status == 401 else None
        flow.response = refusal(status, message, code=code, headers=headers)
        return
    event = provider_error_event(message, type="invalid_request_error", code=code) or b""
    flow.metadata[REFUSED] = (event, Close(3000, f"invalid_request_error.{code}"))
    flow.response = upgrade(key, answered(presented.subprotocols, None))


def _not_allowed(allowed: str) -> http.Response:
    return refusal(405, f"this path takes {allowed}", headers={"allow": allowed})
