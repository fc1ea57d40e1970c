"""Makes the session of an admitted request: who it is accounted to, which model rules hold for it, how it is read."""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace
from secrets import token_hex
from typing import Final
from urllib.parse import parse_qsl

from mitmproxy import http

from addons.access import Caller
from addons.admission import Admitted
from addons.gates import gates_for
from addons.standing import Standing
from addons.tap import Tap
from addons.tap import door_of
from providers.base import Upstream
from providers.headers import consents
from providers.headers import grouping
from providers.headers import traceparent
from realtime.dialects import make
from realtime.pin import ModelPin
from realtime.secrecy import Secret
from realtime.secrecy import Secrets
from realtime.session import CallLink
from realtime.session import Client
from realtime.session import Session
from realtime.watch import InForce
from realtime.watch import ToolList
from realtime.watch import Watch
from rules.access import Key
from rules.keys import allows
from rules.resolve import Target
from rules.resolve import alias
from rules.upstream import Provider
from store.tokens import Token

_MODEL_PATH: Final = re.compile(r"(?:.*/)?models/([^/]+)")
_SHOWN: Final = 200


def session_for(
    tap: Tap, flow: http.HTTPFlow, caller: Caller, admitted: Admitted, upstream: Upstream, link: CallLink | None = None
) -> Session:
    """A new session, which carries the call of `link`, or none. The request must still be the client's own. Raises NotAdmitted."""
    now = time.monotonic()
    key, target, config, looks_on = caller.key, admitted.target, admitted.config, admitted.call
    headers = flow.request.headers
    secrets = Secrets(Secret((admitted.account.credential or "").encode()), Secret(_shown_here(caller)))
    return Session(
        id=f"ses_{int(time.time() * 1000):011x}{token_hex(5)}",
        door=door_of(flow),
        principal=caller.principal,
        route=target.route,
        provider=target.provider,
        kind=config.kind,
        model=target.model,
        upstream_model=target.upstream_model,
        upstream_host=upstream.authority,
        family=upstream.family,
        dialect=make(upstream.dialect),
        undecided=config.kind == "compatible" and config.dialect is None,
        pin=pin_for(tap, key, target, config, upstream, now),
        opened=now,
        offset=time.time() - now,
        text_limit=tap.rules.log.text_limit,
        prices=tap.generation.prices,
        aliases=config.models,
        grouping=grouping(headers.get("baggage", "")),
        traceparent=traceparent(headers.get("traceparent", "")),
        client=_client(flow, secrets),
        forbidden=Standing(tap, caller, admitted),
        token=caller.token.id if caller.token is not None else None,
        consents=consents(caller.presented.headers, caller.presented.query) or (caller.token is not None and caller.token.consents),
        first_event=_configuration(caller.token) if caller.token is not None and link is None else None,
        transport="webrtc" if link is not None else "websocket",
        call=link or (replace(looks_on.link, mode="sideband") if looks_on is not None else None),
        gates=gates_for(tap, admitted, upstream),
        secrets=secrets,
        watch=watch_for(tap, key, target, _in_force(caller, link, admitted)),
    )


def _client(flow: http.HTTPFlow, secrets: Secrets) -> Client:
    """Who asks, as it says; credentials in what it says are blanked."""

    def shown(text: str) -> str:
        return secrets.upstream.blanked_text(secrets.client.blanked_text(text))[:_SHOWN]

    return Client(
        address=flow.client_conn.peername[0] if flow.client_conn.peername else "",
        agent=shown(flow.request.headers.get("user-agent", "")),
        origin=shown(flow.request.headers.get("origin", "")) or None,
        path=shown(flow.request.path.partition("?")[0]),
    )


def _configuration(token: Token) -> bytes | None:
    """What an ephemeral key of our own stands for, as the client would have to say it; its model stands in the URL."""
    if token.session is None:
        return None
    session = {name: value for name, value in token.session.items() if name != "model"}
    return json.dumps({"type": "session.update", "session": session}).encode()


def _shown_here(caller: Caller) -> bytes:
    """The credential that is good here alone; on the intercept door an app shows the provider's own."""
    return (caller.presented.value or "").encode(errors="surrogateescape") if caller.key is not None else b""


def pin_for(tap: Tap, key: Key | None, target: Target, config: Provider, upstream: Upstream | None, now: float) -> ModelPin:
    """The model rules for what this key says to that upstream; None for a session that is only being configured yet."""

    def allowed(model: str) -> bool:
        return key is None or allows(_current(tap, key), model, target.provider)

    return ModelPin(
        dialect=upstream.dialect if upstream is not None else "openai",
        allowed=allowed,
        resolve=lambda named: _named(target.provider, config, named),
        restricted=key is not None and not allows(key, "", target.provider),
        asr=upstream is not None and upstream.family == "transcription",
        model=target.model,
        opened=now,
        model_in_url=upstream is not None
        and any(name in ("model", "deployment") for name, _ in parse_qsl(upstream.path.partition("?")[2])),
    )


def watch_for(tap: Tap, key: Key | None, target: Target, in_force: InForce | None = None) -> Watch:
    """Which tools this key may have on that route, and what becomes of changes. The route's rules stay as they are now."""
    route = next((route for route in tap.rules.routes if route.name == target.route), None)
    of_route = () if route is None or route.tools is None else (ToolList(f"route {route.name}", route.tools),)
    said = [tap.rules.changes] if route is None else [route.changes, tap.rules.changes]

    return Watch(
        _Lists(tap, key, of_route),
        instructions=next((one.instructions for one in said if one.instructions is not None), "alert"),
        tools=next((one.tools for one in said if one.tools is not None), "alert"),
        in_force=in_force if in_force is not None else InForce(),
    )


class _Lists:
    """The lists of tools that hold now: a changed one of the key counts at once. Asked for each message, looked up for new rules."""

    def __init__(self, tap: Tap, key: Key | None, of_route: tuple[ToolList, ...]) -> None:
        self._tap = tap
        self._key = key
        self._of_route = of_route
        self._rules = -1
        self._lists = of_route

    def __call__(self) -> tuple[ToolList, ...]:
        generation, key = self._tap.generation, self._key
        if key is not None and generation.number != self._rules:
            tools = next((known for known in generation.rules.keys if known.id == key.id), key).tools
            of_key = () if tools is None else (ToolList(f"key {key.id}", tools),)
            self._rules, self._lists = generation.number, (*of_key, *self._of_route)
        return self._lists


def _in_force(caller: Caller, link: CallLink | None, admitted: Admitted) -> InForce | None:
    """What a call was configured with so far, whoever of it comes now; what an ephemeral key was minted with."""
    known = link or (admitted.call.link if admitted.call is not None else None)
    token = caller.token
    if known is None:
        return InForce(token.in_force) if token is not None else None
    if token is not None and known is link:
        known.in_force = InForce(token.in_force)
    return known.in_force


def _current(tap: Tap, key: Key) -> Key:
    """The key as the active rules have it: a changed allow-list applies at once."""
    return next((known for known in tap.keys if known.id == key.id), key)


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
