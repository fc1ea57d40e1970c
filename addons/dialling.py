"""A session whose upstream is being dialled: the time it has for that, and what it means when it fails.

Every session is counted from here on, and one that never opens is on the record too, with what its client was answered.
"""

from __future__ import annotations

import asyncio
import logging
import time
from http import HTTPStatus
from typing import Final

from mitmproxy import connection
from mitmproxy import ctx
from mitmproxy import http

from addons.answers import refusal
from addons.handshake import body_for_log
from addons.handshake import own_secret
from addons.handshake import refused
from addons.handshake import relayed
from addons.record import write
from addons.seam import ANSWERED
from addons.seam import ON_FAILURE
from addons.seam import abandon_upstream
from addons.tap import SESSION
from addons.tap import Tap
from addons.tap import session_of
from realtime.session import Session

logger = logging.getLogger(__name__)

CLIENT_GONE: Final = 499
"""The status of a session whose client did not wait for an answer."""

_TIMED_OUT: Final = "voicetap.timed_out"
_IN_TIME: Final = "voicetap.in_time"


class Dialling:
    """The sessions that are being opened. One that is open, or that failed, is none of them any more."""

    def __init__(self, tap: Tap) -> None:
        self.tap = tap
        self._dialled_for: dict[str, Session] = {}
        """The last session of each client connection, by its id."""

    def begin(self, flow: http.HTTPFlow, session: Session) -> None:
        """The flow goes upstream for this session, and has the time that `limits.handshake` allows."""
        flow.metadata[SESSION] = session
        self.tap.opening[session.id] = session
        self.dial(flow, session)
        self._dialled_for[flow.client_conn.id] = session

    def dial(self, flow: http.HTTPFlow, session: Session) -> None:
        """As `begin`, for a further request of a session that is being opened already."""
        flow.metadata[SESSION] = session
        flow.metadata[ON_FAILURE] = lambda message: self._unreachable(flow, session, message)
        asyncio.get_running_loop().call_later(self.tap.rules.limits.handshake, self._give_up, flow, session)

    def is_opening(self, flow: http.HTTPFlow) -> Session | None:
        """The session that this flow is being dialled for."""
        session = session_of(flow)
        return session if session is not None and session.id in self.tap.opening else None

    def failed(self, flow: http.HTTPFlow, session: Session, status: int) -> None:
        """The upstream refused. The client is told so cleanly; an intercepted app with its own credential sees the original."""
        response = flow.response
        ours = response is None or ANSWERED in flow.metadata
        if response is not None and not ours:
            injected = session.secrets.upstream
            body = body_for_log(response, injected, own_secret(flow.request))
            logger.warning("%s: %s refused the handshake: %s %s", session.id, session.upstream_host, status, body)
            if session.transport == "webrtc" and session.door == "gateway":
                flow.response = relayed(session.provider, response, injected)
            elif session.door == "gateway" or injected.value or status == HTTPStatus.SWITCHING_PROTOCOLS:
                flow.response = refused(session, response)
        answered_with = flow.response.status_code if flow.response else status
        self.end(session, answered_with, status if not ours else None)

    def end(self, session: Session, status: int, upstream_status: int | None, why: str | None = None) -> None:
        """On the record: a session that never opened, what its client was answered, what the provider had answered, and `why` otherwise."""
        if self.tap.opening.pop(session.id, None) is None:
            return
        session.fail(status, upstream_status, time.monotonic(), why)
        write(self.tap.log.session_opened, session.opening_record())
        write(self.tap.log.session_closed, session.id, session.closing_record())
        self.tap.ended(session)

    def withdraw(self, session: Session) -> None:
        """The session is not opened after all, and nobody was dialled: no record is kept of it."""
        self.tap.opening.pop(session.id, None)

    def error(self, flow: http.HTTPFlow) -> None:
        """The flow broke off before it was answered."""
        session = self.is_opening(flow)
        if session is not None and ANSWERED not in flow.metadata:
            self.failed(flow, session, CLIENT_GONE)

    def client_disconnected(self, client: connection.Client) -> None:
        """A session that is still being opened has nobody left to open it for; mitmproxy tells of that in some moments only."""
        session = self._dialled_for.pop(client.id, None)
        if session is not None:
            self.end(session, CLIENT_GONE, None)

    def answered(self, flow: http.HTTPFlow) -> None:
        """The client has its answer, so that its connection may go while the session is still being opened by another one."""
        self._dialled_for.pop(flow.client_conn.id, None)
        flow.metadata[_IN_TIME] = True

    def _give_up(self, flow: http.HTTPFlow, session: Session) -> None:
        if session.id in self.tap.opening and _IN_TIME not in flow.metadata:
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
