"""Which upstream: rewrites the handshake of a socket, and puts the provider's credential in last before the wire."""

from __future__ import annotations

import logging
from typing import Final

from mitmproxy import connection
from mitmproxy import http

from addons.access import CALLER
from addons.access import MAX_BODY
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
from addons.intercepting import SOCKETS
from addons.intercepting import intercepted
from addons.opening import session_for
from addons.registry import CALL
from addons.seam import BODY_LIMIT
from addons.tap import Tap
from addons.tap import door_of
from addons.tickets import Ticket
from addons.worker import SidecarError
from providers import KINDS
from providers.base import ProviderError

logger = logging.getLogger(__name__)

_OFFERED: Final = "voicetap.offered"


class Routing:
    """From an admitted handshake to a session whose upstream is being dialled, or a refusal."""

    def __init__(self, tap: Tap, admission: Admission, dialling: Dialling) -> None:
        self.tap = tap
        self.admission = admission
        self.dialling = dialling

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        flow.request.headers.pop("sec-websocket-extensions", None)
        if door_of(flow) == "gateway":
            return
        caller = intercepted(self.tap, flow)
        if caller is None:
            flow.request.stream = True
            return
        flow.metadata[CALLER] = caller
        flow.metadata[BODY_LIMIT] = MAX_BODY

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        if door_of(flow) == "intercept" and flow.response is not None and flow.response.status_code != 101:
            flow.response.stream = self.dialling.is_opening(flow) is None

    async def request(self, flow: http.HTTPFlow) -> None:
        caller: Caller | None = flow.metadata.get(CALLER)
        if flow.response is not None or caller is None or caller.endpoint.endpoint not in SOCKETS:
            return
        try:
            await (self._open(flow, caller) if caller.ticket is None else self._join(flow, caller, caller.ticket))
        except Exception:
            logger.exception("a request could not be routed")
            flow.response = refusal(500, "the proxy failed to route this request; its log says why", code="internal_error")

    def response(self, flow: http.HTTPFlow) -> None:
        session = self.dialling.is_opening(flow)
        if session is None or flow.response is None or CALL in flow.metadata:
            return
        if flow.websocket is not None:
            upgraded(flow.response, flow.metadata[_OFFERED], session.secrets.upstream)
        else:
            self.dialling.failed(flow, session, flow.response.status_code)

    def error(self, flow: http.HTTPFlow) -> None:
        self.dialling.error(flow)

    def client_disconnected(self, client: connection.Client) -> None:
        self.dialling.client_disconnected(client)

    async def _open(self, flow: http.HTTPFlow, caller: Caller) -> None:
        try:
            admitted = await self.admission.admit(flow, caller)
            ask, target, config, account = admitted.ask, admitted.target, admitted.config, admitted.account
            keeps_own = caller.key is None and target.credential == "client"
            upstream = own_way(flow, account, ask) if keeps_own else KINDS[config.kind].websocket(account, ask)
            session = session_for(self.tap, flow, caller, admitted, upstream)
        except NotAdmitted as error:
            refuse(flow, caller, error)
            return
        except ProviderError as error:
            flow.response = refusal(error.status, error.message, code=error.code)
            return
        if keeps_own:
            point_at(flow, upstream)
        else:
            rewrite(flow, caller.presented, config, upstream)
        flow.metadata[_OFFERED] = caller.presented.subprotocols
        self.dialling.begin(flow, session)
        logger.info("%s: %s to %s (%s)", session.id, session.model or session.family, target.provider, target.why)

    async def _join(self, flow: http.HTTPFlow, caller: Caller, ticket: Ticket) -> None:
        """The events of a call come home: this socket is the session that its offer began."""
        session = ticket.session
        if session.id not in self.tap.opening:
            flow.response = refusal(404, "the call of this ticket is over", code="unknown_call")
            return
        try:
            upstream = ticket.upstream()
        except SidecarError as error:
            flow.response = refusal(error.status, error.message, code=error.code)
            return
        rewrite(flow, caller.presented, self.tap.rules.providers[session.provider], upstream)
        flow.metadata[_OFFERED] = ()
        self.dialling.dial(flow, session)
