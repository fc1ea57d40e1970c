"""Makes the call of an admitted offer, and holds its configuration to the models that its session was let in with."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from typing import Final

from mitmproxy import http

from addons.access import Caller
from addons.admission import Admitted
from addons.admission import NotAdmitted
from addons.callbody import CallBody
from addons.configuring import by_session
from addons.configuring import update
from addons.opening import session_for
from addons.policing import Policing
from addons.registry import Call
from addons.registry import new_call_id
from addons.tap import Tap
from addons.watching import configured as watched
from providers import KINDS
from providers.base import Account
from providers.base import Upstream
from providers.provider import AUTH
from realtime.frame import Frame
from realtime.pin import ModelPin
from realtime.session import CallLink
from realtime.session import Session
from realtime.watch import Change
from store.tokens import Token

AFTERWARDS: Final = 60.0
"""Seconds for which a call is remembered beyond the longest session."""


def offer_session(tap: Tap, flow: http.HTTPFlow, caller: Caller, admitted: Admitted, upstream: Upstream) -> tuple[Call, Session]:
    """A call, and the session that carries it. Where the provider has no id for calls, only a relay shows their events."""
    can = KINDS[admitted.config.kind].capabilities
    mode = admitted.target.webrtc if can.sideband and "hangup" in can.requests else "relay"
    link = CallLink(new_call_id(), mode)
    session = session_for(tap, flow, caller, admitted, upstream, link)
    until = time.monotonic() + tap.rules.limits.session + AFTERWARDS
    return Call(link, caller.principal, admitted.target, until, _account(caller, admitted), session), session


def _account(caller: Caller, admitted: Admitted) -> Account:
    """Whose account the call runs on: an app on the intercept door may have brought its own credential, and is attended with that."""
    if caller.key is not None or admitted.target.credential != "client":
        return admitted.account
    shown = next((auth for auth in KINDS[admitted.config.kind].auths if AUTH[auth][0].lower() == caller.presented.source), None)
    return replace(admitted.account, credential=caller.presented.value, auth=shown)


def configured(body: CallBody, token: Token | None) -> CallBody:
    """The offer with the configuration that an ephemeral key of our own stands for; what the client says beside it counts too."""
    if token is None or token.session is None:
        return body
    model = {"model": token.upstream_model} if token.family == "realtime" else {}
    return body.configured({**token.session, **(body.session or {}), **model})


def checked(body: CallBody, session: Session, policing: Policing) -> tuple[CallBody, Sequence[Change]]:
    """The offer as the policies leave it, with the model names that the provider knows, and what it changes of its ephemeral key's session.

    Raises NotAdmitted as `judged`, and for what policies stop, and for tools and changes that are not allowed.
    """
    if body.session is None:
        return body, ()
    if (renamed := judged(session.pin, body.session_text, session.opened)) is not None:
        body = body.configured(json.loads(renamed))
    if (left := by_session(policing, session, body.session_text)) is not None:
        body = body.configured(json.loads(left))
    return body, watched(session.watch, update(body.session_text))


def judged(pin: ModelPin, configuration: bytes, now: float) -> bytes | None:
    """A session's configuration (a JSON object) with the model names that the provider knows; None where it has them already.

    It is what `session.update` would say, and is judged as that. Raises NotAdmitted for a model that is not allowed, or that another
    reader may find in it.
    """
    verdict = pin.check(Frame(True, update(configuration), at=now))
    if verdict is None or verdict.action == "pass":
        return None
    if verdict.action == "replace":
        return json.dumps(json.loads(verdict.payload)["session"]).encode()
    error: dict[str, Any] = json.loads(verdict.reply[0])["error"] if verdict.reply else {}
    message = error.get("message") or verdict.close.reason
    if error.get("code") == "ambiguous_event":
        raise NotAdmitted(400, "ambiguous_event", message, param="session")
    raise NotAdmitted(403, "model_not_allowed", message, param="model")
