"""A connection that does not say what it wants is not kept: its request must be complete within `limits.handshake`.

The clock runs from the connection's first moment, TLS included, and on the gateway door again after each answer.
"""

from __future__ import annotations

import asyncio

from mitmproxy import connection
from mitmproxy import ctx
from mitmproxy import http

from addons.seam import abandon_client
from addons.tap import Tap
from addons.tap import door_of


class Deadlines:
    """One timer for each connection without a request under way."""

    def __init__(self, tap: Tap) -> None:
        self.tap = tap
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def client_connected(self, client: connection.Client) -> None:
        self._start(client)

    def client_disconnected(self, client: connection.Client) -> None:
        self._stop(client)

    def http_connect(self, flow: http.HTTPFlow) -> None:
        """What goes through a tunnel takes as long as it takes."""
        if door_of(flow) == "intercept":
            self._stop(flow.client_conn)

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Bodies of the gateway door are small and count in; an intercepted app may upload for as long as it wants."""
        if door_of(flow) == "intercept":
            self._stop(flow.client_conn)

    def request(self, flow: http.HTTPFlow) -> None:
        self._stop(flow.client_conn)

    def answered(self, flow: http.HTTPFlow) -> None:
        """The next request has its time from now on."""
        if flow.response is not None and flow.response.status_code != 101 and door_of(flow) == "gateway":
            self._start(flow.client_conn)

    def _start(self, client: connection.Client) -> None:
        self._stop(client)
        limit = self.tap.rules.limits.handshake
        self._timers[client.id] = asyncio.get_running_loop().call_later(limit, self._close, client)

    def _stop(self, client: connection.Client) -> None:
        timer = self._timers.pop(client.id, None)
        if timer is not None:
            timer.cancel()

    def _close(self, client: connection.Client) -> None:
        del self._timers[client.id]
        abandon_client(ctx.master.addons.get("proxyserver"), client)


class Answered:
    """Stands last, so that no clock runs while the answer is still being made."""

    def __init__(self, deadlines: Deadlines) -> None:
        self.response = deadlines.answered
