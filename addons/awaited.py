"""A request that a provider has to answer in time, outside of any session, and what its client is told when nothing comes."""

from __future__ import annotations

import asyncio
import logging

from mitmproxy import ctx
from mitmproxy import http

from addons.answers import refusal
from addons.seam import ON_FAILURE
from addons.seam import abandon_upstream
from addons.tap import Tap

logger = logging.getLogger(__name__)


class Awaited:
    """Let a request go on to `provider`, which has the time that `limits.handshake` allows. Call `over` once that is settled."""

    def __init__(self, tap: Tap, flow: http.HTTPFlow, provider: str) -> None:
        self._limit = tap.rules.limits.handshake
        self._flow = flow
        self._provider = provider
        self._late = False
        self._timer = asyncio.get_running_loop().call_later(self._limit, self._give_up)
        flow.metadata[ON_FAILURE] = self._unreachable

    def over(self) -> None:
        self._timer.cancel()

    def _give_up(self) -> None:
        self._late = True
        abandon_upstream(ctx.master.addons.get("proxyserver"), self._flow.client_conn)

    def _unreachable(self, message: str) -> http.Response:
        logger.warning("a request to %s failed: %s", self._provider, "timed out" if self._late else message)
        if self._late:
            return refusal(504, f"provider {self._provider} did not answer within {self._limit:g} s", code="upstream_timeout")
        return refusal(502, f"provider {self._provider} cannot be reached", code="upstream_unreachable")
