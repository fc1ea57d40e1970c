"""Which upstream: resolves the route, rewrites the handshake, and puts the provider's credential in last before the wire."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from mitmproxy import connection
from mitmproxy import ctx
from mitmproxy import http

from addons.access import CALLER
from addons.access import Caller
from addons.access import no_room
from addons.access import refuse_credential
from addons.answers import refusal
from addons.handshake import body_for_log
from addons.handshake import own_secret
from addons.handshake import own_way
from addons.handshake import point_at
from addons.handshake import refused
from addons.handshake import rewrite
from addons.handshake import upgraded
from addons.opening import session_for
from addons.record import write
from addons.seam import ANSWERED
from addons.seam import ON_FAILURE
from addons.seam import abandon_upstream
from addons.tap import SESSION
from addons.tap import Tap
from addons.tap import door_of
from addons.tap import session_of
from providers import KINDS
from providers import recognise
from providers.base import Account
from providers.base import Ask
from providers.base import Endpoint
from providers.base import ProviderError
from providers.credentials import Presented
from providers.credentials import credentials_of
from providers.headers import asks_beta
from providers.headers import asks_websocket
from providers.headers import malformed
from providers.paths import names_agent
from realtime.session import Session
from rules.access import LOCAL
from rules.access import Key
from rules.asking import facts_of
from rules.credentials import Unresolved
from rules.credentials import read_secret
from rules.files import private_reader
from rules.keys import allows
from rules.match import RequestFacts
from rules.resolve import Refusal
from rules.resolve import Target
from rules.resolve import resolve
from rules.upstream import Provider

logger = logging.getLogger(__name__)

CLIENT_GONE: Final = 499
"""The status of a session whose client did not wait for an answer."""

_SOCKETS: Final = frozenset({"realtime", "translations", "live"})
_TIMED_OUT: Final = "voicetap.timed_out"
_OFFERED: Final = "voicetap.offered"


class Routing:
    """From an admitted request to a session whose upstream is being dialled, or a refusal."""

    def __init__(self, tap: Tap, simulator: Callable[[], Awaitable[str]]) -> None:
        self.tap = tap
        self.simulator = simulator
        """Starts the packaged simulator on first use and returns its base URL."""
        self._dialled_for: dict[str, Session] = {}
        """The last session of each client connection, by its id."""

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        flow.request.headers.pop("sec-websocket-extensions", None)
        if door_of(flow) == "intercept" and not asks_websocket(flow.request.headers.items(multi=True)):
            flow.request.stream = True

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        if door_of(flow) == "intercept" and flow.response is not None and flow.response.status_code != 101:
            flow.response.stream = session_of(flow) is None

    async def request(self, flow: http.HTTPFlow) -> None:
        if flow.response is not None:
            return
        try:
            if door_of(flow) == "gateway":
                caller: Caller = flow.metadata[CALLER]
                await self._open(flow, caller.endpoint, caller.presented, caller.key)
            elif (endpoint := self._intercepted(flow)) is not None:
                presented = credentials_of(flow.request.headers.items(multi=True), tuple(flow.request.query.items(multi=True)))
                await self._open(flow, endpoint, presented, None)
        except Exception:
            logger.exception("a request could not be routed")
            flow.response = refusal(500, "the proxy failed to route this request; its log says why", code="internal_error")

    def response(self, flow: http.HTTPFlow) -> None:
        session = session_of(flow)
        if session is None or flow.response is None or session.id not in self.tap.opening:
            return
        if flow.websocket is not None:
            upgraded(flow.response, flow.metadata[_OFFERED], session.secrets.upstream)
        else:
            self._failed(flow, session, flow.response.status_code)

    def error(self, flow: http.HTTPFlow) -> None:
        session = session_of(flow)
        if session is not None and session.id in self.tap.opening and ANSWERED not in flow.metadata:
            self._failed(flow, session, CLIENT_GONE)

    def client_disconnected(self, client: connection.Client) -> None:
        """A session that is still being opened has nobody left to open it for; mitmproxy tells of that in some moments only."""
        session = self._dialled_for.pop(client.id, None)
        if session is not None and session.id in self.tap.opening:
            self._refused(session, CLIENT_GONE, None)

    def _intercepted(self, flow: http.HTTPFlow) -> Endpoint | None:
        """What an intercepted request is; None for everything that is no realtime socket, which passes untouched."""
        request = flow.request
        if not asks_websocket(request.headers.items(multi=True)):
            return None
        query = tuple(request.query.items(multi=True))
        path = request.path.partition("?")[0]
        found = recognise(request.host, path, query) or self._by_route(request.host, path, query)
        return found if found is not None and found.endpoint in _SOCKETS else None

    def _by_route(self, host: str, path: str, query: tuple[tuple[str, str], ...]) -> Endpoint | None:
        """For hosts that are no provider's public ones, the route's provider says what the path means."""
        target = resolve(self.tap.rules, RequestFacts("intercept", path, host=host, key=LOCAL, model_in_message=True))
        if isinstance(target, Refusal):
            return None
        return KINDS[self.tap.rules.providers[target.provider].kind].endpoint(path, query)

    async def _open(self, flow: http.HTTPFlow, endpoint: Endpoint, presented: Presented, key: Key | None) -> None:
        if malformed(flow.request.headers.items(multi=True)):
            flow.response = refusal(400, "a header has a line break or another control character in it", code="malformed_header")
            return
        flow.response = no_room(self.tap, key.id if key else None)
        if flow.response is not None:
            return
        ask, target = self._target(flow, endpoint, presented, key)
        if isinstance(target, Refusal):
            flow.response = refusal(target.status, target.message, code=target.code)
            return
        message = _forbidden(key, ask, target) if key is not None else None
        if message is not None:
            if presented.source == "subprotocol":
                refuse_credential(flow, presented, message, "model_not_allowed", 403)
            else:
                flow.response = refusal(403, message, code="model_not_allowed", param="model")
            return
        config = self.tap.rules.providers[target.provider]
        keeps_own = key is None and target.credential == "client"
        try:
            account = await self._account(flow, config, target)
            upstream = own_way(flow, account, ask) if keeps_own else KINDS[config.kind].websocket(account, ask)
        except ProviderError as error:
            flow.response = refusal(error.status, error.message, code=error.code)
            return
        except Unresolved as error:
            logger.error("provider %s cannot be used: %s", target.provider, error)
            flow.response = refusal(502, f"provider {target.provider} cannot be used: {error}", code="provider_not_usable")
            return
        session = session_for(self.tap, flow, presented, key, target, upstream, account.credential or "")
        if keeps_own:
            point_at(flow.request, upstream)
        else:
            rewrite(flow.request, presented, config, upstream)
        flow.metadata[_OFFERED] = presented.subprotocols
        self._begin(flow, session)
        logger.info("%s: %s to %s (%s)", session.id, session.model or session.family, target.provider, target.why)

    def _target(self, flow: http.HTTPFlow, endpoint: Endpoint, presented: Presented, key: Key | None) -> tuple[Ask, Target | Refusal]:
        request = flow.request
        facts = facts_of(
            self.tap.rules,
            door_of(flow),
            request.path.partition("?")[0],
            presented.query,
            endpoint,
            key=key.id if key else LOCAL,
            headers=dict(request.headers.items()),
            host=request.host if key is None else request.headers.get("host"),
        )
        if isinstance(facts, Refusal):
            return Ask(endpoint), facts
        target = resolve(self.tap.rules, facts)
        ask = Ask(
            endpoint=endpoint,
            query=presented.query,
            model=target.upstream_model if isinstance(target, Target) else None,
            call_id=facts.call_id,
            intent=facts.intent,
            subprotocols=presented.subprotocols,
            beta=asks_beta(request.headers.items(multi=True), presented.subprotocols),
        )
        return ask, target

    async def _account(self, flow: http.HTTPFlow, config: Provider, target: Target) -> Account:
        """The account to dial. Raises Unresolved where its secret cannot be had."""
        url = config.url
        if url is None and config.kind == "simulator":
            url = await self.simulator()
        if url is None and door_of(flow) == "intercept":
            url = f"{flow.request.scheme}://{flow.request.host}:{flow.request.port}"
        credential = ""
        if config.credential is not None and target.credential == "inject":
            credential = read_secret(config.credential, self.tap.environment, private_reader(self.tap.settings.rules.parent))
        return Account(target.provider, config.kind, url, credential, config.api_version, config.auth, config.dialect)

    def _begin(self, flow: http.HTTPFlow, session: Session) -> None:
        flow.metadata[SESSION] = session
        self.tap.opening[session.id] = session
        self._dialled_for[flow.client_conn.id] = session
        flow.metadata[ON_FAILURE] = lambda message: self._unreachable(flow, session, message)
        asyncio.get_running_loop().call_later(self.tap.rules.limits.handshake, self._give_up, flow, session)

    def _give_up(self, flow: http.HTTPFlow, session: Session) -> None:
        if session.id in self.tap.opening:
            flow.metadata[_TIMED_OUT] = True
            abandon_upstream(ctx.master.addons.get("proxyserver"), flow.client_conn)

    def _unreachable(self, flow: http.HTTPFlow, session: Session, message: str) -> http.Response:
        """The answer when the upstream failed before it answered; what mitmproxy says of it goes to the log alone."""
        late = flow.metadata.get(_TIMED_OUT, False)
        logger.warning("%s: %s did not answer: %s", session.id, session.upstream_host, "timed out" if late else message)
        if late:
            limit = self.tap.rules.limits.handshake
            return refusal(504, f"provider {session.provider} did not answer within {limit:g} s", code="upstream_timeout")
        return refusal(502, f"provider {session.provider} cannot be reached", code="upstream_unreachable")

    def _failed(self, flow: http.HTTPFlow, session: Session, status: int) -> None:
        """The upstream refused. The client is told so cleanly; an intercepted app with its own credential sees the original."""
        response = flow.response
        ours = response is None or ANSWERED in flow.metadata
        if response is not None and not ours:
            injected = session.secrets.upstream
            body = body_for_log(response, injected, own_secret(flow.request))
            logger.warning("%s: %s refused the handshake: %s %s", session.id, session.upstream_host, status, body)
            if session.door == "gateway" or injected.value or status == HTTPStatus.SWITCHING_PROTOCOLS:
                flow.response = refused(session, response)
        answered_with = flow.response.status_code if flow.response else status
        self._refused(session, answered_with, status if not ours else None)

    def _refused(self, session: Session, status: int, upstream_status: int | None) -> None:
        """On the record: a session that never opened, what its client was answered, and what the provider had answered."""
        del self.tap.opening[session.id]
        session.fail(status, upstream_status, time.monotonic())
        write(self.tap.log.session_opened, session.opening_record())
        write(self.tap.log.session_closed, session.id, session.closing_record())


def _forbidden(key: Key, ask: Ask, target: Target) -> str | None:
    """Why a key may not have this session. A model that only a message will name is judged there, a call's or an agent's never shows."""
    hidden = bool(ask.call_id) or names_agent(ask.query)
    model = "" if hidden else target.model
    if model is None or allows(key, model, target.provider):
        return None
    return f"key {key.id} may not use {'calls and agents, whose model is not known here' if hidden else f'the model {model[:80]!r}'}"
