"""What can be asked of a call that there is: hang up, and accept, reject or refer one that rings at the provider.

For a call of ours the registry says where it runs, whatever the client says; somebody else's call does not exist for it.
"""

from __future__ import annotations

import json
import logging
import time
from dataclasses import dataclass
from dataclasses import replace
from http import HTTPStatus
from typing import Any
from typing import Final

from mitmproxy import http

from addons.access import CALLER
from addons.access import Caller
from addons.admission import Admission
from addons.admission import Admitted
from addons.admission import NotAdmitted
from addons.answers import refusal
from addons.awaited import Awaited
from addons.calloffer import AFTERWARDS
from addons.calloffer import judged
from addons.configuring import by_request
from addons.configuring import update
from addons.handshake import REQUEST
from addons.handshake import relayed
from addons.handshake import rewrite
from addons.opening import pin_for
from addons.opening import watch_for
from addons.registry import Call
from addons.seam import ANSWERED
from addons.sidecar import Sidecar
from addons.tap import Tap
from addons.watching import configured
from providers import KINDS
from providers.base import ProviderError
from providers.tails import CONTROLS
from realtime.framing import Close
from realtime.secrecy import Secret
from realtime.session import CallLink
from realtime.watch import InForce

logger = logging.getLogger(__name__)

_CONTROL: Final = "voicetap.call_control"
"""Key of `flow.metadata`: what is `Asked`."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of a call at its provider, and for whom."""

    caller: Caller
    admitted: Admitted
    waiting: Awaited
    in_force: InForce
    """What the call is configured with, where it is accepted."""


class CallControl:
    """Passes the request on with the provider's own id of the call, and its answer back."""

    def __init__(self, tap: Tap, admission: Admission, sidecar: Sidecar) -> None:
        self.tap = tap
        self.admission = admission
        self.sidecar = sidecar

    async def request(self, flow: http.HTTPFlow) -> None:
        caller: Caller | None = flow.metadata.get(CALLER)
        if flow.response is not None or caller is None or caller.endpoint.endpoint not in CONTROLS:
            return
        try:
            await self._ask(flow, caller)
        except NotAdmitted as error:
            flow.response = error.answer()
        except ProviderError as error:
            flow.response = refusal(error.status, error.message, code=error.code)
        except Exception:
            logger.exception("a request about a call could not be handled")
            flow.response = refusal(500, "the proxy failed to handle this request; its log says why", code="internal_error")

    def response(self, flow: http.HTTPFlow) -> None:
        asked: Asked | None = flow.metadata.get(_CONTROL)
        response = flow.response
        if asked is None or response is None:
            return
        asked.waiting.over()
        if ANSWERED in flow.metadata:
            return
        admitted = asked.admitted
        gone = admitted.call is not None and response.status_code == HTTPStatus.NOT_FOUND
        if response.status_code < 400 or (gone and admitted.ask.endpoint.endpoint == "hangup"):
            self._done(asked)
            flow.response = http.Response.make(200, b"", {"cache-control": "no-store"})
        else:
            secret = Secret((admitted.account.credential or "").encode())
            flow.response = relayed(admitted.target.provider, response, secret)

    def error(self, flow: http.HTTPFlow) -> None:
        """The client did not wait."""
        if (asked := flow.metadata.get(_CONTROL)) is not None:
            asked.waiting.over()

    async def _ask(self, flow: http.HTTPFlow, caller: Caller) -> None:
        session = _configuration(flow.request) if caller.endpoint.endpoint == "accept" else {}
        named = session.get("model")
        admitted = await self.admission.admit(flow, caller, model=named if isinstance(named, str) else None)
        call = admitted.call
        if call is not None and caller.endpoint.endpoint == "hangup":
            await self._hang_up(call)
        if call is not None and call.link.upstream_id is None:
            flow.response = _without_provider(caller)
            return
        upstream_id = call.link.upstream_id if call is not None else caller.endpoint.call_id
        ask = replace(admitted.ask, call_id=upstream_id, model=None)
        upstream = KINDS[admitted.config.kind].http(admitted.account, ask)
        body, watch = flow.request.content or b"", watch_for(self.tap, caller.key, admitted.target)
        if caller.endpoint.endpoint == "accept":
            now = time.monotonic()
            body = judged(pin_for(self.tap, caller.key, admitted.target, admitted.config, upstream, now), body or b"{}", now) or body
            body = by_request(self.tap, body or b"{}", principal=caller.principal, model=admitted.target.model) or body
            configured(watch, update(body or b"{}"))
        rewrite(flow, caller.presented, admitted.config, upstream, REQUEST)
        flow.request.content = body
        waiting = Awaited(self.tap, flow, admitted.target.provider)
        flow.metadata[_CONTROL] = Asked(caller, replace(admitted, ask=ask), waiting, watch.in_force)

    async def _hang_up(self, call: Call) -> None:
        """End what of the call is here; the provider is asked for the rest."""
        if call.link.mode == "relay":
            await self.sidecar.drop(call.id, "hung up")
        elif call.session is not None and (found := self.tap.live.get(call.session.id)) is not None:
            found[1].close(Close(1000, "hung up"))
        self.tap.calls.forget(call)

    def _done(self, asked: Asked) -> None:
        """A call that was accepted is one of ours from now on."""
        caller, admitted = asked.caller, asked.admitted
        ask = admitted.ask
        if ask.endpoint.endpoint == "accept" and ask.call_id is not None and admitted.call is None:
            until = time.monotonic() + self.tap.rules.limits.session + AFTERWARDS
            link = CallLink(ask.call_id, "telephone", ask.call_id, in_force=asked.in_force)
            self.tap.calls.add(Call(link, caller.principal, admitted.target, until, admitted.account))


def _without_provider(caller: Caller) -> http.Response:
    """A provider that has no id for its calls is told of their end by the end of their sound alone."""
    if caller.endpoint.endpoint == "hangup":
        return http.Response.make(200, b"", {"cache-control": "no-store"})
    return refusal(501, f"the provider of this call does not offer {caller.endpoint.endpoint}", code="unsupported_endpoint")


def _configuration(request: http.Request) -> dict[str, Any]:
    """The session that a call is accepted with. Raises NotAdmitted."""
    try:
        session = json.loads((request.content or b"{}").decode())
    except (ValueError, RecursionError):
        raise NotAdmitted(400, "bad_session", "the body is not valid JSON") from None
    if not isinstance(session, dict):
        raise NotAdmitted(400, "bad_session", f"the session is a JSON object, not {type(session).__name__}")
    return session
