"""Which upstream: resolves the route, rewrites the handshake, and puts the provider's credential in last before the wire."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
from collections.abc import Awaitable
from collections.abc import Callable
from secrets import token_hex
from typing import Final
from typing import Literal

from mitmproxy import ctx
from mitmproxy import http

from addons.access import CALLER
from addons.access import Caller
from addons.access import refuse_credential
from addons.answers import refusal
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
from providers.base import Upstream
from providers.credentials import Presented
from providers.credentials import answered
from providers.credentials import credentials_of
from providers.headers import asks_beta
from providers.headers import asks_websocket
from providers.headers import grouping
from providers.headers import passed
from providers.paths import asked
from realtime.dialects import make
from realtime.pin import ModelPin
from realtime.session import Client
from realtime.session import Secrets
from realtime.session import Session
from rules.access import LOCAL
from rules.access import Key
from rules.credentials import Unresolved
from rules.credentials import read_secret
from rules.files import private_reader
from rules.keys import allows
from rules.match import RequestFacts
from rules.resolve import Refusal
from rules.resolve import Target
from rules.resolve import alias
from rules.resolve import resolve
from rules.upstream import Provider

logger = logging.getLogger(__name__)

_SOCKETS: Final = frozenset({"realtime", "translations", "live"})
_TIMED_OUT: Final = "voicetap.timed_out"
_OFFERED: Final = "voicetap.offered"
_MODEL_PATH: Final = re.compile(r"(?:.*/)?models/([^/]+)")
_HANDSHAKE: Final = ("upgrade", "connection", "sec-websocket-key", "sec-websocket-version")
_LOGGED_BODY: Final = 300

Refused = http.Response


class Routing:
    """From an admitted request to a session whose upstream is being dialled, or a refusal."""

    def __init__(self, tap: Tap, simulator: Callable[[], Awaitable[str]]) -> None:
        self.tap = tap
        self.simulator = simulator
        """Starts the packaged simulator on first use and returns its base URL."""

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
        if flow.response.status_code == 101:
            self._upgraded(flow, flow.response)
        else:
            self._failed(flow, session, flow.response.status_code)

    def error(self, flow: http.HTTPFlow) -> None:
        session = session_of(flow)
        if session is not None and session.id in self.tap.opening and ON_FAILURE not in flow.metadata:
            self._failed(flow, session, 499)

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
        ask, target = self._target(flow, endpoint, presented, key)
        if isinstance(target, Refusal):
            flow.response = refusal(target.status, target.message, code=target.code)
            return
        if key is not None and target.model is not None and not allows(key, target.model, target.provider):
            message = f"key {key.id} may not use the model {target.model[:80]!r}"
            if presented.source == "subprotocol":
                refuse_credential(flow, presented, message, "model_not_allowed", 403)
            else:
                flow.response = refusal(403, message, code="model_not_allowed", param="model")
            return
        config = self.tap.rules.providers[target.provider]
        try:
            account = await self._account(flow, config, target)
            upstream = _own_way(flow, account, ask) if target.credential == "client" else KINDS[config.kind].websocket(account, ask)
        except ProviderError as error:
            flow.response = refusal(error.status, error.message, code=error.code)
            return
        except Unresolved as error:
            logger.error("provider %s cannot be used: %s", target.provider, error)
            flow.response = refusal(502, f"provider {target.provider} cannot be used: {error}", code="provider_not_usable")
            return
        self._rewrite(flow, presented, target, config, upstream)
        secrets = Secrets((account.credential or "").encode(), (presented.value or "").encode() if key is not None else b"")
        self._begin(flow, ask, target, upstream, key, secrets)

    def _target(self, flow: http.HTTPFlow, endpoint: Endpoint, presented: Presented, key: Key | None) -> tuple[Ask, Target | Refusal]:
        request = flow.request
        model, call_id, intent = asked(presented.query)
        if endpoint.provider_prefix is not None and endpoint.provider_prefix not in self.tap.rules.providers:
            known = ", ".join(self.tap.rules.providers) or "none"
            message = f"no provider is called {endpoint.provider_prefix[:80]!r}; configured in rules.yaml: {known}"
            return Ask(endpoint), Refusal(404, "unknown_provider", message)
        facts = RequestFacts(
            door=door_of(flow),
            path=request.path.partition("?")[0],
            model=_prefixed(endpoint.provider_prefix, model),
            call_id=call_id,
            intent=intent,
            key=key.id if key else LOCAL,
            headers=dict(request.headers.items()),
            host=request.host if key is None else request.headers.get("host"),
            native_kind=endpoint.native.kind if endpoint.native else None,
            default_kind=endpoint.provider_prefix or endpoint.default_kind,
            model_in_message=key is None or not endpoint.model_in_url,
        )
        target = resolve(self.tap.rules, facts)
        ask = Ask(
            endpoint=endpoint,
            query=presented.query,
            model=target.upstream_model if isinstance(target, Target) else None,
            call_id=call_id,
            intent=intent,
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

    def _rewrite(self, flow: http.HTTPFlow, presented: Presented, target: Target, config: Provider, upstream: Upstream) -> None:
        """Point the request at the upstream. An app that keeps its own credential keeps its path and headers too."""
        request = flow.request
        sent = request.headers
        request.scheme = "https" if upstream.scheme == "wss" else "http"
        request.data.host, request.data.port, request.data.authority = upstream.host, upstream.port, b""
        flow.metadata[_OFFERED] = presented.subprotocols
        if target.credential == "client":
            request.headers["host"] = upstream.authority
            return
        request.path = upstream.path
        kept = [(name, sent[name]) for name in _HANDSHAKE if name in sent]
        more = passed(presented.headers, KINDS[config.kind].passes, config.headers)
        offered = [("sec-websocket-protocol", ", ".join(upstream.subprotocols))] if upstream.subprotocols else []
        fields = [("host", upstream.authority), *kept, *more, *offered, *upstream.headers]
        request.headers = http.Headers([(name.encode(), value.encode("utf-8", "surrogateescape")) for name, value in fields])

    def _begin(self, flow: http.HTTPFlow, ask: Ask, target: Target, upstream: Upstream, key: Key | None, secrets: Secrets) -> None:
        session = self._session(flow, ask, target, upstream, key)
        session.secrets = secrets
        flow.metadata[SESSION] = session
        self.tap.opening[session.id] = session
        flow.metadata[ON_FAILURE] = lambda message: self._unreachable(flow, session, message)
        loop = asyncio.get_running_loop()
        loop.call_later(self.tap.rules.limits.handshake, self._give_up, flow, session)
        logger.info("%s: %s to %s (%s)", session.id, session.model or ask.family, target.provider, target.why)

    def _session(self, flow: http.HTTPFlow, ask: Ask, target: Target, upstream: Upstream, key: Key | None) -> Session:
        request, rules, now = flow.request, self.tap.rules, time.monotonic()
        config = rules.providers[target.provider]
        principal = key.id if key else LOCAL

        def allowed(model: str) -> bool:
            return key is None or allows(self._current(key), model, target.provider)

        return Session(
            id=f"ses_{int(time.time() * 1000):011x}{token_hex(5)}",
            door=door_of(flow),
            principal=principal,
            route=target.route,
            provider=target.provider,
            kind=config.kind,
            model=target.model,
            upstream_model=target.upstream_model,
            upstream_host=upstream.authority,
            family=upstream.family,
            dialect=make(upstream.dialect),
            pin=ModelPin(
                dialect=upstream.dialect,
                allowed=allowed,
                resolve=lambda named: _named(target.provider, config, named),
                restricted=key is not None and key.models is not None,
                asr=upstream.family == "transcription",
                model=target.model,
                opened=now,
            ),
            opened=now,
            offset=time.time() - now,
            text_limit=rules.log.text_limit,
            prices=self.tap.generation.prices,
            aliases=config.models,
            grouping=grouping(request.headers.get("baggage", "")),
            client=Client(
                address=flow.client_conn.peername[0] if flow.client_conn.peername else "",
                agent=request.headers.get("user-agent", "")[:200],
                origin=request.headers.get("origin", "")[:200] or None,
                path=request.path.partition("?")[0][:200],
            ),
        )

    def _current(self, key: Key) -> Key:
        """The key as the active rules have it: a changed allow-list applies at once."""
        return next((known for known in self.tap.keys if known.id == key.id), key)

    def _give_up(self, flow: http.HTTPFlow, session: Session) -> None:
        if session.id in self.tap.opening:
            flow.metadata[_TIMED_OUT] = True
            abandon_upstream(ctx.master.addons.get("proxyserver"), flow.client_conn)

    def _unreachable(self, flow: http.HTTPFlow, session: Session, message: str) -> Refused:
        """The answer when the upstream failed before it answered; what mitmproxy says of it goes to the log alone."""
        late = flow.metadata.get(_TIMED_OUT, False)
        logger.warning("%s: %s did not answer: %s", session.id, session.upstream_host, "timed out" if late else message)
        if late:
            limit = self.tap.rules.limits.handshake
            return refusal(504, f"provider {session.provider} did not answer within {limit:g} s", code="upstream_timeout")
        return refusal(502, f"provider {session.provider} cannot be reached", code="upstream_unreachable")

    def _upgraded(self, flow: http.HTTPFlow, response: http.Response) -> None:
        chosen = answered(flow.metadata[_OFFERED], response.headers.get("sec-websocket-protocol"))
        response.headers.pop("sec-websocket-protocol", None)
        response.headers.pop("sec-websocket-extensions", None)
        if chosen is not None:
            response.headers["sec-websocket-protocol"] = chosen

    def _failed(self, flow: http.HTTPFlow, session: Session, status: int) -> None:
        """The upstream refused the handshake. The gateway's client is told so cleanly; an intercepted app sees the original."""
        del self.tap.opening[session.id]
        response = flow.response
        ours = response is None or ON_FAILURE not in flow.metadata or flow.error is not None
        if response is not None and not ours:
            logger.warning("%s: %s refused the handshake: %s %s", session.id, session.upstream_host, status, _body_for_log(response))
            if session.door == "gateway":
                flow.response = _clean(session, response)
        answered_with = flow.response.status_code if flow.response else status
        session.fail(answered_with, status if not ours else None, time.monotonic())
        self.tap.log.session_opened(session.opening_record())
        self.tap.log.session_closed(session.id, session.closing_record())


def _own_way(flow: http.HTTPFlow, account: Account, ask: Ask) -> Upstream:
    """For an app that keeps its own credential: its own path, on the account's host."""
    provider = KINDS[account.kind]
    base = provider.base(account)
    scheme: Literal["ws", "wss"] = "wss" if base.secure else "ws"
    dialect, family = provider.dialect(account, ask), provider.family(account, ask)
    return Upstream(scheme, base.host, base.port, flow.request.path, dialect, family)


def _prefixed(prefix: str | None, model: str | None) -> str | None:
    if prefix is None or model is None or model.startswith(f"{prefix}/"):
        return model
    return f"{prefix}/{model}"


def _named(provider: str, config: Provider, named: str) -> tuple[str, str]:
    """What a client calls a model in a message: its catalogue name, and what to call it upstream."""
    written = named.removeprefix(f"{provider}/")
    bare = _bare(written)
    model, upstream = alias(config, bare)
    return model, written.replace(bare, upstream) if upstream != bare else written


def _bare(model: str) -> str:
    """The catalogue's name in Google's resource names: `models/<id>`, `projects/…/models/<id>`."""
    found = _MODEL_PATH.fullmatch(model)
    return found[1] if found else model


def _clean(session: Session, response: http.Response) -> http.Response:
    """What a refusal upstream reads like here. 429 keeps its meaning and its Retry-After; anything else is a 502."""
    status = response.status_code
    if status == 429:
        wait = response.headers.get("retry-after", "")
        headers = {"retry-after": wait} if re.fullmatch(r"[\w :,+-]{1,40}", wait) else None
        return refusal(429, f"provider {session.provider} limits the rate", code="upstream_rate_limit", headers=headers)
    return refusal(502, f"provider {session.provider} refused the session with status {status}", code="upstream_refused")


def _body_for_log(response: http.Response) -> str:
    """The start of an error body for the operator, on one line, without anything that looks like a credential."""
    text = (response.raw_content or b"")[:_LOGGED_BODY].decode(errors="replace")
    return json.dumps(_SECRET.sub("[redacted]", text), ensure_ascii=False)


_SECRET: Final = re.compile(r"(?i)(bearer\s+\S+|\b(?:sk|ek|vt|xai|pk|key)[-_][\w-]{6,}|AIza[\w-]{10,}|[\w+/=-]{24,})")
