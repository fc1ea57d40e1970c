"""WebRTC calls: one POST with its SDP exchanged on the way, and from then on a session like any other.

The request hook admits the offer and has the sidecar mirror it; the provider sees the same request with only the transport
lines of the SDP changed, and so does the client with the answer. How much of the call then comes through here is the route's
to say: `relay` (sound and events), `sideband` (events, over a socket of our own to the provider), `signal` (nothing more).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Collection
from collections.abc import Coroutine
from dataclasses import replace
from http import HTTPStatus
from secrets import token_urlsafe
from typing import Any
from typing import Final

from mitmproxy import http

from addons.access import CALLER
from addons.access import Caller
from addons.admission import Admission
from addons.admission import NotAdmitted
from addons.answers import refusal
from addons.bills import bill
from addons.callbody import CallBody
from addons.callbody import read_body
from addons.calloffer import checked
from addons.calloffer import configured
from addons.calloffer import offer_session
from addons.callscope import client_scope
from addons.callscope import upstream_scope
from addons.dialling import Dialling
from addons.handshake import REQUEST
from addons.handshake import point_at
from addons.handshake import rewrite
from addons.handshake import send_body
from addons.handshake import text_for_log
from addons.policing import Policing
from addons.record import write
from addons.registry import CALL
from addons.registry import Call
from addons.sideband import Sideband
from addons.sidecar import OfferedCall
from addons.sidecar import Sidecar
from addons.sidecar import SidecarError
from addons.sounds import Sounds
from addons.tap import Tap
from addons.tap import door_of
from addons.watching import tell
from providers import KINDS
from providers.base import Dialect
from providers.base import ProviderError
from providers.base import Upstream
from realtime.framing import Close
from realtime.leg import Ending
from realtime.session import Session

logger = logging.getLogger(__name__)

_BODY: Final = "voicetap.call_body"
_LATE: Final = 5.0
"""Seconds after an answer in which the sidecar has to open the events of its call."""


class Calls:
    """Offers, their answers, and the end of each call exactly once."""

    def __init__(
        self, tap: Tap, admission: Admission, dialling: Dialling, sidecar: Sidecar, sideband: Sideband, sounds: Sounds, policing: Policing
    ) -> None:
        self.tap = tap
        self.policing = policing
        self.admission = admission
        self.dialling = dialling
        self.sidecar = sidecar
        self.sideband = sideband
        self.sounds = sounds
        self._tasks: set[asyncio.Task[None]] = set()
        tap.over.append(self._over)

    async def request(self, flow: http.HTTPFlow) -> None:
        caller: Caller | None = flow.metadata.get(CALLER)
        if flow.response is not None or caller is None or caller.endpoint.endpoint != "calls":
            return
        try:
            await self._offer(flow, caller)
        except NotAdmitted as error:
            flow.response = error.answer()
        except ProviderError as error:
            flow.response = refusal(error.status, error.message, code=error.code)
        except SidecarError as error:
            flow.response = _unavailable(error)
        except Exception:
            logger.exception("an offer could not be handled")
            flow.response = refusal(500, "the proxy failed to handle this offer; its log says why", code="internal_error")

    async def response(self, flow: http.HTTPFlow) -> None:
        call: Call | None = flow.metadata.get(CALL)
        session = self.dialling.is_opening(flow)
        if call is None or session is None or flow.response is None or call.session is not session:
            return
        if not 200 <= flow.response.status_code < 300:
            self.dialling.failed(flow, session, flow.response.status_code)
            return
        try:
            await self._answer(flow, flow.response, call, session)
        except (SidecarError, NotAdmitted) as error:
            flow.response = self._unusable(session, error)
            self._later(self.sideband.hang_up(call))

    def on_event(self, call_id: str, event: dict[str, Any]) -> None:
        """What the sidecar tells of a call: its figures, its state."""
        call = self.tap.calls.get(call_id)
        session = call.session if call is not None else None
        if session is None:
            return
        if event["event"] == "media":
            session.media = event["media"]
            if session.ended is not None:
                write(self.tap.log.session_changed, session.id, session.media_record())
        elif event["state"] == "closed":
            self._closed(session, str(event.get("reason")))
        else:
            logger.info("%s: call %s", session.id, event["state"])

    def on_lost(self, call_ids: Collection[str], reason: str) -> None:
        """A worker of the sidecar is gone with these calls."""
        for call_id in call_ids:
            call = self.tap.calls.get(call_id)
            session = call.session if call is not None else None
            if session is None:
                continue
            self._closed(session, reason)
            if (found := self.tap.live.get(session.id)) is not None:
                found[1].close(Close(1011, reason))

    def hang_up(self, call: Call) -> None:
        """End a call at its provider that has no session here."""
        self.tap.calls.forget(call)
        self._later(self.sideband.hang_up(call))

    async def drain(self) -> None:
        """Wait for what is left to do after the last session ended, then stop the sidecar."""
        while self._tasks:
            await asyncio.wait(self._tasks)
        await self.sidecar.stop()

    async def _offer(self, flow: http.HTTPFlow, caller: Caller) -> None:
        request = flow.request
        live = caller.endpoint.native is not None and caller.endpoint.native.shape == "live"
        body = read_body(request.headers.get("content-type", ""), request.content or b"", takes_json=live)
        admitted = await self.admission.admit(flow, caller, model=body.model)
        keeps_own = caller.key is None and admitted.target.credential == "client"
        body = configured(body, caller.token)
        ask = replace(admitted.ask, model=None) if body.model is not None else admitted.ask
        upstream = KINDS[admitted.config.kind].http(admitted.account, ask)
        call, session = offer_session(self.tap, flow, caller, admitted, upstream)
        body, changes = checked(body, session, self.policing)
        flow.metadata[CALL], flow.metadata[_BODY] = call, body
        self.tap.calls.add(call)
        self.dialling.begin(flow, session)
        offer = await self._mirrored(flow, call, upstream.dialect, body) if call.link.mode == "relay" else body.sdp
        if self.dialling.is_opening(flow) is None:
            flow.response = refusal(502, "the call ended before it was offered", code="call_ended")
            return
        if keeps_own:
            point_at(flow, replace(upstream, path=request.path))
        else:
            rewrite(flow, caller.presented, admitted.config, upstream, REQUEST)
        send_body(request, *body.written(offer, token_urlsafe(24)))
        for change in changes:
            tell(self.tap, session, change)
        logger.info("%s: call to %s (%s), %s", session.id, admitted.target.provider, admitted.target.why, call.link.mode)

    async def _mirrored(self, flow: http.HTTPFlow, call: Call, dialect: Dialect, body: CallBody) -> str:
        """The offer that the sidecar makes of the client's. Raises SidecarError."""
        session, ticket = call.session, token_urlsafe(32)
        assert session is not None

        def events() -> Upstream:
            host, port = self.sidecar.events_address(call.id)
            credential = (("Authorization", f"Bearer {ticket}"),)
            return Upstream("ws", host, port, f"/calls/{call.id}", dialect, headers=credential)

        offered = OfferedCall(
            id=call.id,
            offer=body.sdp,
            ticket=self.tap.tickets.issue(session, events),
            upstream_ticket=ticket,
            client_scope=client_scope(flow),
            upstream_scope=upstream_scope(call.account),
            record=await self.sounds.for_call(session),
            hold=session.gates.hold,
        )
        limit = self.tap.rules.limits.handshake
        try:
            async with asyncio.timeout(limit):
                return await self.sidecar.offer(offered)
        except (SidecarError, TimeoutError) as error:
            self.dialling.withdraw(session)
            self.tap.calls.forget(call)
            if isinstance(error, SidecarError):
                raise
            raise SidecarError(503, "sidecar_unavailable", f"no media worker took the call within {limit:g} s", 1) from None

    async def _answer(self, flow: http.HTTPFlow, response: http.Response, call: Call, session: Session) -> None:
        provider, body, secret = KINDS[session.kind], flow.metadata[_BODY], session.secrets.upstream
        said, location = secret.blanked(response.content or b""), secret.blanked_text(response.headers.get("location", ""))
        call.link.upstream_id = provider.call_id(location) or body.answered_id(said)
        answer = body.answer(response.headers.get("content-type", ""), said)
        if call.link.mode == "relay":
            answer = await self.sidecar.answer(call.id, answer)
        if door_of(flow) == "gateway":
            flow.response = _created(call, *body.answered(answer, said))
        else:
            response.content = body.answered(answer, said)[1]
        self.dialling.answered(flow)
        if call.link.mode == "relay":
            asyncio.get_running_loop().call_later(_LATE, self._closed, session, "its events never came")
        elif call.link.mode == "sideband":
            self._later(self.sideband.attend(call))
        else:
            self._signalled(session)

    def _unusable(self, session: Session, error: SidecarError | NotAdmitted) -> http.Response:
        """The refusal where the provider has answered and there is no call all the same. What it said is for the operator's log alone."""
        if isinstance(error, SidecarError) and error.code != "bad_answer":
            self.dialling.end(session, error.status, None, error.message)
            return _unavailable(error)
        logger.warning("%s: the provider's answer is of no use: %s", session.id, text_for_log(str(error)))
        self.dialling.end(session, 502, None, "the provider's answer is of no use")
        return refusal(502, f"provider {session.provider} gave no answer that fits the offer", code="bad_answer")

    def _signalled(self, session: Session) -> None:
        """A call of which nothing more comes through here: its record is complete."""
        del self.tap.opening[session.id]
        session.end(Ending(1000, "signal: the call goes on without this proxy", "proxy"), time.monotonic(), session.delay)
        write(self.tap.log.session_opened, session.opening_record())
        write(self.tap.log.session_closed, session.id, session.closing_record())
        bill(self.tap.log, session)

    def _closed(self, session: Session, reason: str) -> None:
        """The call ended; where its events have come, their socket tells so too, and how."""
        if session.id in self.tap.opening:
            logger.warning("%s: the call did not come about: %s", session.id, reason)
            self.dialling.end(session, HTTPStatus.BAD_GATEWAY, None, reason)

    def _over(self, session: Session) -> None:
        """The session has ended, for whatever reason; so has its call."""
        call = self.tap.calls.of(session)
        if call is None:
            return
        if call.link.mode == "relay":
            self._later(self.sidecar.drop(call.id, session.ending.reason if session.ending else ""))
            asyncio.get_running_loop().call_later(_LATE, self.tap.calls.forget, call)
        elif not _goes_on_unseen(call, session):
            self.tap.calls.forget(call)
            if session.ending is not None and session.ending.side != "upstream":
                self._later(self.sideband.hang_up(call))

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _goes_on_unseen(call: Call, session: Session) -> bool:
    """Whether there is a call at the provider whose events alone could not be had: its client may still ask something of it."""
    failed = session.error is not None and session.error.code == "handshake_failed"
    return failed and call.link.upstream_id is not None and session.ending is not None and session.ending.side == "upstream"


def _created(call: Call, content_type: str, body: bytes) -> http.Response:
    fields = {
        "content-type": content_type,
        "location": f"/v1/realtime/calls/{call.id}",
        "x-content-type-options": "nosniff",
        "cache-control": "no-store",
    }
    return http.Response.make(201, body, fields)


def _unavailable(error: SidecarError) -> http.Response:
    headers = {"retry-after": str(error.retry_after)} if error.retry_after is not None else None
    return refusal(error.status, error.message, code=error.code, headers=headers)
