"""Which upstream: rewrites the handshake of a socket, and puts the provider's credential in last before the wire."""

from __future__ import annotations

import logging
from typing import Final

from mitmproxy import connection
from mitmproxy import http

from addons.access import CALLER
from addons.access import Caller
from addons.admission import Admission
from addons.admission import NotAdmitted
from addons.admission import refuse
from addons.answers import refusal
from addons.dialling import Dialling
from addons.handshake import own_way
from addons.handshake import point_at
from addons.handshake import rewrite
from addons.handshake import upgraded
from addons.opening import session_for
from addons.tap import Tap
from addons.tap import door_of
from providers import KINDS
from providers import recognise
from providers.base import Endpoint
from providers.base import Pairs
from providers.base import ProviderError
from providers.credentials import credentials_of
from providers.headers import asks_websocket
from rules.access import LOCAL
from rules.match import RequestFacts
from rules.resolve import Refusal
from rules.resolve import resolve

logger = logging.getLogger(__name__)

_SOCKETS: Final = frozenset({"realtime", "translations", "live"})
_OFFERED: Final = "voicetap.offered"


class Routing:
    """From an admitted handshake to a session whose upstream is being dialled, or a refusal."""

    def __init__(self, tap: Tap, admission: Admission, dialling: Dialling) -> None:
        self.tap = tap
        self.admission = admission
        self.dialling = dialling

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        flow.request.headers.pop("sec-websocket-extensions", None)
        if door_of(flow) == "intercept" and not asks_websocket(flow.request.headers.items(multi=True)):
            flow.request.stream = True

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        if door_of(flow) == "intercept" and flow.response is not None and flow.response.status_code != 101:
            flow.response.stream = self.dialling.is_opening(flow) is None

    async def request(self, flow: http.HTTPFlow) -> None:
        if flow.response is not None:
            return
        try:
            caller = flow.metadata[CALLER] if door_of(flow) == "gateway" else self._intercepted(flow)
            if caller is not None:
                await self._open(flow, caller)
        except Exception:
            logger.exception("a request could not be routed")
            flow.response = refusal(500, "the proxy failed to route this request; its log says why", code="internal_error")

    def response(self, flow: http.HTTPFlow) -> None:
        session = self.dialling.is_opening(flow)
        if session is None or flow.response is None:
            return
        if flow.websocket is not None:
            upgraded(flow.response, flow.metadata[_OFFERED], session.secrets.upstream)
        else:
            self.dialling.failed(flow, session, flow.response.status_code)

    def error(self, flow: http.HTTPFlow) -> None:
        self.dialling.error(flow)

    def client_disconnected(self, client: connection.Client) -> None:
        self.dialling.client_disconnected(client)

    def _intercepted(self, flow: http.HTTPFlow) -> Caller | None:
        """What an intercepted request is; None for everything that is no realtime socket, which passes untouched."""
        request = flow.request
        if not asks_websocket(request.headers.items(multi=True)):
            return None
        query = tuple(request.query.items(multi=True))
        path = request.path.partition("?")[0]
        found = recognise(request.host, path, query) or self._by_route(request.host, path, query)
        if found is None or found.endpoint not in _SOCKETS:
            return None
        return Caller(found, credentials_of(request.headers.items(multi=True), query), None)

    def _by_route(self, host: str, path: str, query: Pairs) -> Endpoint | None:
        """For hosts that are no provider's public ones, the route's provider says what the path means."""
        target = resolve(self.tap.rules, RequestFacts("intercept", path, host=host, key=LOCAL, model_in_message=True))
        if isinstance(target, Refusal):
            return None
        return KINDS[self.tap.rules.providers[target.provider].kind].endpoint(path, query)

    async def _open(self, flow: http.HTTPFlow, caller: Caller) -> None:
        try:
            admitted = await self.admission.admit(flow, caller)
            ask, target, config, account = admitted.ask, admitted.target, admitted.config, admitted.account
            keeps_own = caller.key is None and target.credential == "client"
            upstream = own_way(flow, account, ask) if keeps_own else KINDS[config.kind].websocket(account, ask)
        except NotAdmitted as error:
            refuse(flow, caller, error)
            return
        except ProviderError as error:
            flow.response = refusal(error.status, error.message, code=error.code)
            return
        session = session_for(self.tap, flow, caller, target, upstream, account.credential or "")
        if keeps_own:
            point_at(flow.request, upstream)
        else:
            rewrite(flow.request, caller.presented, config, upstream)
        flow.metadata[_OFFERED] = caller.presented.subprotocols
        self.dialling.begin(flow, session)
        logger.info("%s: %s to %s (%s)", session.id, session.model or session.family, target.provider, target.why)
