"""What an admitted request for an ephemeral key comes to: the body for the provider, and the key as far as it is known by then."""

from __future__ import annotations

import json
from dataclasses import dataclass
from dataclasses import field
from datetime import datetime
from datetime import timedelta
from typing import Any

from addons.access import Caller
from addons.admission import Admitted
from addons.admission import NotAdmitted
from addons.calloffer import judged
from addons.configuring import by_request
from addons.opening import pin_for
from addons.opening import watch_for
from addons.tap import Tap
from addons.watching import configured
from providers.base import EndpointName
from providers.base import Family
from providers.headers import consents
from providers.minting import SHORTEST
from providers.minting import Wish
from providers.minting import session_in
from providers.minting import shaped
from providers.tails import BETA
from realtime.secrecy import Secret
from rules.keys import allows
from rules.resolve import alias
from store.clock import utc_now
from store.tokens import Token
from store.tokens import new_token


@dataclass(frozen=True, slots=True)
class Draft:
    """A key that is not kept yet: `text` is the key itself, `upstream` the credential that must not come back."""

    endpoint: EndpointName
    token: Token
    text: str = field(repr=False)
    body: bytes = field(repr=False)
    upstream: Secret = field(repr=False)


def drafted(tap: Tap, caller: Caller, admitted: Admitted, wish: Wish) -> Draft:
    """The draft; should the caller's own key stand in its body, it goes no further. Raises NotAdmitted."""
    endpoint, target, limit = caller.endpoint, admitted.target, tap.rules.client_secrets
    asr = _asr(caller, admitted, wish)
    seconds = min(wish.seconds, int(limit.expires))
    model, asked = target.upstream_model or wish.model, max(SHORTEST, seconds)
    body = shaped(wish, endpoint.endpoint, endpoint.family, model=model, asr=asr, seconds=asked)
    body, in_force = _checked(tap, caller, admitted, body)
    made = json.dumps(body).encode()
    token_id, text = new_token()
    token = Token(
        id=token_id,
        hash="",
        principal=caller.principal,
        provider=target.provider,
        route=target.route,
        model=target.model,
        upstream_model=target.upstream_model,
        family=_family(caller, wish),
        expires=_expires(caller, seconds),
        single_use=wish.single_use or limit.single_use,
        origin=wish.origin,
        in_force=in_force,
        consents=consents(caller.presented.headers, caller.presented.query),
    )
    shown = Secret((caller.presented.value or "").encode(errors="surrogateescape"))
    return Draft(endpoint.endpoint, token, text, shown.blanked(made), Secret((admitted.account.credential or "").encode()))


def _checked(tap: Tap, caller: Caller, admitted: Admitted, body: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The body with every model by the provider's name, and what its session is configured with. Raises NotAdmitted."""
    endpoint, target = caller.endpoint.endpoint, admitted.target
    session = json.dumps(session_in(body, endpoint)).encode()
    renamed = judged(pin_for(tap, caller.key, target, admitted.config, None, 0.0), session, 0.0)
    left = by_request(tap, renamed or session, principal=caller.principal, model=target.model)
    if (changed := left or renamed) is not None:
        body = {**body, **json.loads(changed)} if endpoint in BETA else {**body, "session": json.loads(changed)}
    watch = watch_for(tap, caller.key, target)
    configured(watch, json.dumps({**({"session": body} if endpoint in BETA else body), "type": "session.update"}).encode())
    return body, watch.in_force.record()


def _asr(caller: Caller, admitted: Admitted, wish: Wish) -> str | None:
    """What the provider calls the model that transcribes. Raises NotAdmitted where the key may not use it."""
    if wish.asr is None or wish.asr == wish.model:
        return admitted.target.upstream_model if wish.asr is not None else None
    provider = admitted.target.provider
    model, upstream = alias(admitted.config, wish.asr.removeprefix(f"{provider}/"))
    if caller.key is not None and not allows(caller.key, model, provider):
        raise NotAdmitted(403, "model_not_allowed", f"key {caller.key.id} may not use the model {model[:80]!r}", param="model")
    return upstream


def _family(caller: Caller, wish: Wish) -> Family:
    return "transcription" if wish.transcribes and caller.endpoint.family == "realtime" else caller.endpoint.family


def _expires(caller: Caller, seconds: int) -> datetime:
    """Never after the key that it belongs to."""
    ends = utc_now() + timedelta(seconds=seconds)
    limit = caller.key.expires if caller.key is not None else None
    return min(ends, limit) if limit is not None else ends
