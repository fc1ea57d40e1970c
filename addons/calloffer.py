"""Makes the call of an admitted offer, and holds its configuration to the models that its session was let in with."""

from __future__ import annotations

import json
import time
from typing import Any
from typing import Final

from mitmproxy import http

from addons.access import Caller
from addons.admission import Admitted
from addons.admission import NotAdmitted
from addons.callbody import CallBody
from addons.opening import session_for
from addons.registry import Call
from addons.registry import new_call_id
from addons.tap import Tap
from providers import KINDS
from providers.base import Upstream
from realtime.frame import Frame
from realtime.session import CallLink
from realtime.session import Session
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
    return Call(link, caller.principal, admitted.target, until, admitted.account, session), session


def configured(body: CallBody, token: Token | None) -> CallBody:
    """The offer with the configuration that an ephemeral key of our own stands for; what the client says beside it counts too."""
    if token is None or token.session is None:
        return body
    model = {"model": token.upstream_model} if token.family == "realtime" else {}
    return body.configured({**token.session, **(body.session or {}), **model})


def checked(body: CallBody, session: Session) -> CallBody:
    """The offer with the model names that the provider knows. Raises NotAdmitted for a model that is not allowed, or may be another one.

    A configuration in an offer is what `session.update` would say, and is judged as that.
    """
    if body.session is None:
        return body
    said = Frame(True, b'{"type":"session.update","session":' + body.session_text + b"}", at=session.opened)
    verdict = session.pin.check(said)
    if verdict is None or verdict.action == "pass":
        return body
    if verdict.action == "replace":
        return body.configured(json.loads(verdict.payload)["session"])
    error: dict[str, Any] = json.loads(verdict.reply[0])["error"] if verdict.reply else {}
    code = error.get("code") or "model_not_allowed"
    status = 403 if code == "model_not_allowed" else 400
    raise NotAdmitted(status, code, error.get("message") or verdict.close.reason, param="model")
