"""Is there room for one more session: of the proxy as a whole, of the key that asks, of the route it takes, in what they may use up."""

from __future__ import annotations

from typing import Final

from mitmproxy import http

from addons.access import Caller
from addons.answers import NotAdmitted
from addons.meter import LATER
from addons.meter import Meter
from addons.tap import Tap
from rules.resolve import Target

_ENDS: Final = ("hangup", "reject", "refer")
"""What is asked of a call to get rid of it, which never lacks room."""


class Room:
    """Asked in two steps: before and after it is known where a request goes."""

    def __init__(self, tap: Tap, meter: Meter) -> None:
        self.tap = tap
        self.meter = meter

    def check(self, caller: Caller) -> None:
        """Raises NotAdmitted where no further session of the key can be opened now."""
        tap = self.tap
        if caller.endpoint.endpoint == "hangup":
            return
        if tap.draining:
            raise NotAdmitted(503, "shutting_down", "the proxy is shutting down", retry_after=LATER)
        if tap.log.failure is not None and tap.rules.on_error == "block":
            raise NotAdmitted(503, "log_unavailable", "the session log cannot be written, and on_error is block", retry_after=LATER)
        limits = tap.rules.limits
        counts = [(tap.open_sessions(), limits.sessions, "in all")]
        if caller.key is not None:
            most = caller.key.sessions or limits.per_key
            counts.append((tap.open_sessions(caller.key.id), most, f"of key {caller.key.id}"))
        for open_now, allowed, whose in counts:
            if open_now >= allowed:
                message = f"{open_now} sessions are open {whose}, at most {allowed} are allowed"
                raise NotAdmitted(429, "too_many_sessions", message, retry_after=LATER)

    def check_limits(self, caller: Caller, target: Target) -> None:
        """Raises NotAdmitted where a budget of the key or route is spent, or their sessions come too fast."""
        if caller.endpoint.endpoint not in _ENDS:
            found = self.meter.refuses(caller.principal, target.route, token=_token(caller), counts=_counts(caller))
            if found is not None:
                raise found

    def enter(self, flow: http.HTTPFlow, caller: Caller, target: Target) -> None:
        """As `check_limits`; what is let in counts from here on, and its answer says of which budgets little is left."""
        if caller.endpoint.endpoint not in _ENDS:
            found = self.meter.enter(caller.principal, target.route, token=_token(caller), counts=_counts(caller))
            if found is not None:
                raise found
            self.meter.warn(flow, caller.principal, target.route)

    def minted(self, token: str) -> None:
        """An ephemeral key was let in, and kept: its first session counts no more."""
        self.meter.prepaid(token)


def _token(caller: Caller) -> str | None:
    return caller.token.id if caller.token is not None else None


def _counts(caller: Caller) -> bool:
    """A call that is accepted here is none of our sessions yet."""
    return caller.endpoint.endpoint != "accept"
