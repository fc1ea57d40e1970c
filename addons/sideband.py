"""Looks on a call whose sound does not come through here: a socket of our own to the provider, by way of the gateway.

It is a session like any other there, so the call is recorded, metered and ended by the same code; what it reads is thrown away.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

import httpx2
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from addons.dialling import Dialling
from addons.registry import Call
from addons.tap import Tap
from providers import KINDS
from providers.base import Ask
from providers.base import Endpoint
from providers.base import ProviderError
from providers.base import Upstream
from realtime.session import Session

logger = logging.getLogger(__name__)

SECONDS: Final = 10.0
"""The longest that a hang-up may take."""
_SOCKET: Final = Endpoint("realtime", "/v1/realtime")


class Sideband:
    """`gateway` tells HOST:PORT of the gateway door."""

    def __init__(self, tap: Tap, dialling: Dialling, gateway: Callable[[], str]) -> None:
        self.tap = tap
        self.dialling = dialling
        self.gateway = gateway

    async def attend(self, call: Call) -> None:
        """Follow the events of a call until either side ends it."""
        session = call.session
        assert session is not None
        if call.link.upstream_id is None:
            self._unseen(call, session, "the provider named no call in its answer")
            return
        ticket = self.tap.tickets.issue(session, lambda: self._upstream(call))
        url = f"ws://{self.gateway()}/v1/realtime?call_id={call.id}"
        headers = {"Authorization": f"Bearer {ticket}"}
        try:
            async with connect(url, additional_headers=headers, compression=None, max_size=None, ping_interval=None, proxy=None) as events:
                async for _ in events:
                    pass
        except (WebSocketException, OSError) as error:
            self._unseen(call, session, str(error))

    def _unseen(self, call: Call, session: Session, why: str) -> None:
        logger.warning("%s: the events of call %s cannot be followed: %s", session.id, call.id, why)
        self.dialling.end(session, 502, None, "the events of the call cannot be followed")

    async def hang_up(self, call: Call) -> None:
        """End the call at the provider. What it answers goes to the log alone."""
        if call.link.upstream_id is None:
            return
        ask = Ask(Endpoint("hangup", f"/v1/realtime/calls/{call.link.upstream_id}/hangup"), call_id=call.link.upstream_id)
        try:
            upstream = KINDS[call.account.kind].http(call.account, ask)
            async with httpx2.AsyncClient(timeout=SECONDS, trust_env=False) as client:
                response = await client.post(upstream.url, headers=list(upstream.headers))
            if response.is_error and response.status_code != 404:
                logger.warning("call %s: provider %s answered the hang-up with %d", call.id, call.target.provider, response.status_code)
        except (ProviderError, httpx2.HTTPError) as error:
            logger.warning("call %s could not be hung up at provider %s: %s", call.id, call.target.provider, type(error).__name__)

    def _upstream(self, call: Call) -> Upstream:
        """The provider's socket for the events of a call. Raises ProviderError."""
        return KINDS[call.account.kind].websocket(call.account, Ask(_SOCKET, call_id=call.link.upstream_id))
