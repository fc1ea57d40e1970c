"""May this be had, and where: an admitted request becomes a provider's account to use, or a refusal. Nothing is dialled here."""

from __future__ import annotations

import logging
from collections.abc import Awaitable
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace

from mitmproxy import http

from addons.access import Caller
from addons.access import refuse_credential
from addons.answers import NotAdmitted
from addons.registry import CALL_PREFIX
from addons.registry import Call
from addons.room import Room
from addons.tap import Tap
from addons.tap import door_of
from providers.base import Account
from providers.base import Ask
from providers.base import Pairs
from providers.headers import asks_beta
from providers.headers import malformed
from providers.paths import asked
from providers.paths import names_agent
from rules.asking import facts_of
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
from store.tokens import Token

logger = logging.getLogger(__name__)

__all__ = ["Admission", "Admitted", "NotAdmitted", "refuse"]


@dataclass(frozen=True, slots=True)
class Admitted:
    """What a request may have: the provider's configuration and account, and what to ask of it."""

    ask: Ask
    target: Target
    config: Provider
    account: Account = field(repr=False)
    call: Call | None = None
    """The call of ours that the request is about."""
    facts: RequestFacts | None = None
    """What the rules were asked with; None where an ephemeral key or a call said where it goes."""
    hidden: bool = False
    """True where nobody here sees which model runs."""


class Admission:
    """The one way from a request to a provider's account, for sockets, calls and ephemeral keys alike."""

    def __init__(self, tap: Tap, room: Room, simulator: Callable[[], Awaitable[str]]) -> None:
        self.tap = tap
        self.room = room
        self.simulator = simulator
        """Starts the packaged simulator on first use and returns its base URL."""

    async def admit(self, flow: http.HTTPFlow, caller: Caller, *, model: str | None = None) -> Admitted:
        """`model` is the one named in a body, where that counts before the URL's. Raises NotAdmitted.

        A session that is let in counts towards the rate of its key and route from here on.
        """
        admitted = await self._admitted(flow, caller, model)
        self.room.enter(flow, caller, admitted.target)
        return admitted

    async def _admitted(self, flow: http.HTTPFlow, caller: Caller, model: str | None) -> Admitted:
        if malformed(flow.request.headers.items(multi=True)):
            raise NotAdmitted(400, "malformed_header", "a header has a line break or another control character in it")
        self.room.check(caller)
        if (call := self._call(caller)) is not None:
            return await self._of_call(flow, caller, call)
        if caller.token is not None:
            return await self._of_token(flow, caller, caller.token, model)
        ask, facts, target = self._target(flow, caller, model)
        if isinstance(target, Refusal):
            raise NotAdmitted(target.status, target.code, target.message)
        hidden = names_agent(ask.query) or (bool(ask.call_id) and model is None)
        self._check_key(caller, target, hidden=hidden)
        config = self.tap.rules.providers[target.provider]
        account = await self.account(flow, target, config)
        if caller.foreign:
            account = replace(account, credential=caller.presented.value, auth="bearer")
        return Admitted(ask, target, config, account, facts=facts, hidden=hidden)

    def _call(self, caller: Caller) -> Call | None:
        """The call of ours that a path or a query names. Raises NotAdmitted for one that is over, or somebody else's.

        Calls that only the provider knows are for keys: an ephemeral one is in the hands of a page.
        """
        named = caller.endpoint.call_id or asked(caller.presented.query)[1]
        if named is None:
            return None
        found = self.tap.calls.find(named, caller.principal)
        ours = named.startswith(CALL_PREFIX) or self.tap.calls.knows(named)
        if found is None and (ours or caller.token is not None):
            raise NotAdmitted(404, "unknown_call", f"there is no call {named[:80]!r}, or no longer")
        return found

    async def _of_call(self, flow: http.HTTPFlow, caller: Caller, call: Call) -> Admitted:
        """What stands in the registry goes before anything the client says; the key is asked anew."""
        key, target = caller.key, call.target
        ends = caller.endpoint.endpoint == "hangup"
        if not ends and key is not None and target.model is not None and not allows(key, target.model, target.provider):
            raise NotAdmitted(403, "model_not_allowed", f"key {key.id} may not use the model {target.model[:80]!r}", param="model")
        config = self.tap.rules.providers.get(target.provider)
        if config is None:
            raise NotAdmitted(404, "unknown_provider", f"the provider of this call, {target.provider}, is not in rules.yaml any more")
        ask = Ask(caller.endpoint, call_id=call.link.upstream_id, subprotocols=caller.presented.subprotocols)
        return Admitted(ask, target, config, await self.account(flow, target, config), call)

    async def _of_token(self, flow: http.HTTPFlow, caller: Caller, token: Token, model: str | None) -> Admitted:
        """An ephemeral key opens what it was minted for, on the provider's own one where that made one, and is used up by it."""
        config = self.tap.rules.providers.get(token.provider)
        if config is None or caller.endpoint.provider_prefix not in (None, token.provider):
            raise NotAdmitted(403, "provider_not_allowed", f"this ephemeral key is for provider {token.provider} alone")
        if token.family != caller.endpoint.family and "translation" in (token.family, caller.endpoint.family):
            raise NotAdmitted(400, "wrong_path", f"this ephemeral key is for a {token.family} session, which this path does not open")
        named = model or asked(caller.presented.query)[0]
        if named is not None and token.model is not None and not _is_model(config, named.removeprefix(f"{token.provider}/"), token):
            raise NotAdmitted(403, "model_not_allowed", f"this ephemeral key is for the model {token.model} alone", param="model")
        route = next((route for route in self.tap.rules.routes if route.name == token.route), None)
        mode = route.webrtc if route is not None else "relay"
        target = Target(token.provider, token.model, token.upstream_model, token.route, "inject", mode, "ephemeral key")
        self._check_key(caller, target, hidden=False)
        account = await self.account(flow, target, config)
        if token.secret is not None:
            account = replace(account, credential=token.secret, auth="bearer")
        self.room.check_limits(caller, target)
        if not await self.tap.tokens.use(token):
            raise NotAdmitted(401, "invalid_api_key", "this ephemeral key is used; mint another")
        return Admitted(self._ask_of(flow, caller, token), target, config, account)

    def _ask_of(self, flow: http.HTTPFlow, caller: Caller, token: Token) -> Ask:
        presented = caller.presented
        return Ask(
            endpoint=caller.endpoint,
            query=presented.query,
            model=token.upstream_model if caller.endpoint.endpoint != "calls" else None,
            intent="transcription" if token.family == "transcription" else None,
            subprotocols=presented.subprotocols,
            beta=asks_beta(flow.request.headers.items(multi=True), presented.subprotocols),
        )

    async def account(self, flow: http.HTTPFlow, target: Target, config: Provider) -> Account:
        """The account to dial for `target`. Raises NotAdmitted where its secret cannot be had."""
        url = config.url
        if url is None and config.kind == "simulator":
            url = await self.simulator()
        if url is None and door_of(flow) == "intercept":
            url = f"{flow.request.scheme}://{flow.request.host}:{flow.request.port}"
        credential = ""
        if config.credential is not None and target.credential == "inject":
            try:
                credential = read_secret(config.credential, self.tap.environment, private_reader(self.tap.settings.rules.parent))
            except Unresolved as error:
                logger.error("provider %s cannot be used: %s", target.provider, error)
                raise NotAdmitted(502, "provider_not_usable", f"provider {target.provider} cannot be used: {error}") from None
        return Account(target.provider, config.kind, url, credential, config.api_version, config.auth, config.dialect)

    def _target(self, flow: http.HTTPFlow, caller: Caller, model: str | None) -> tuple[Ask, RequestFacts | None, Target | Refusal]:
        request, endpoint, presented = flow.request, caller.endpoint, caller.presented
        query = presented.query if model is None else (*_without_model(presented.query), ("model", model))
        if endpoint.call_id is not None:
            query = (*query, ("call_id", endpoint.call_id))
        facts = facts_of(
            self.tap.rules,
            door_of(flow),
            request.path.partition("?")[0],
            query,
            endpoint,
            key=caller.principal,
            headers=dict(request.headers.items()),
            host=request.host if caller.key is None else request.headers.get("host"),
        )
        if isinstance(facts, Refusal):
            return Ask(endpoint), None, facts
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
        return ask, facts, target

    def _check_key(self, caller: Caller, target: Target, *, hidden: bool) -> None:
        """A model that only a message will name is judged there; a `hidden` one, of somebody's call or an agent, never shows."""
        key = caller.key
        model = "" if hidden else target.model
        if key is None or model is None or allows(key, model, target.provider):
            return
        what = "calls and agents, whose model is not known here" if hidden else f"the model {model[:80]!r}"
        raise NotAdmitted(403, "model_not_allowed", f"key {key.id} may not use {what}", param="model")


def refuse(flow: http.HTTPFlow, caller: Caller, error: NotAdmitted) -> None:
    """Answer the request with the refusal, so that its sender can read it."""
    if caller.presented.source == "subprotocol" and error.status in (401, 403):
        refuse_credential(flow, caller.presented, str(error), error.code, error.status)
    else:
        flow.response = error.answer()


def _is_model(config: Provider, named: str, token: Token) -> bool:
    return named == token.upstream_model or alias(config, named)[0] == token.model


def _without_model(query: Pairs) -> Pairs:
    return tuple((name, value) for name, value in query if name not in ("model", "deployment"))
