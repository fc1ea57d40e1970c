"""One-use tickets: how an events socket of a call, opened by our own sidecar, finds its session and its upstream."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field
from secrets import token_urlsafe
from typing import Final

from providers.base import Upstream
from realtime.session import Session
from rules.keys import hash_key

PREFIX: Final = "vt_ticket_"
LIFE: Final = 60.0
"""Seconds for which a ticket is good."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a ticket opens: the session, and where its events come from. `upstream` is asked when the ticket is used."""

    session: Session
    upstream: Callable[[], Upstream] = field(repr=False)
    until: float


class Tickets:
    """Those that are out, known by their hash alone."""

    def __init__(self) -> None:
        self._out: dict[str, Ticket] = {}

    def issue(self, session: Session, upstream: Callable[[], Upstream]) -> str:
        """A new ticket, as text."""
        now = time.monotonic()
        self._out = {known: ticket for known, ticket in self._out.items() if ticket.until > now}
        text = PREFIX + token_urlsafe(32)
        self._out[hash_key(text)] = Ticket(session, upstream, now + LIFE)
        return text

    def take(self, text: str) -> Ticket | None:
        """The ticket, once; None for one that is not good any more or never was."""
        ticket = self._out.pop(hash_key(text), None)
        return ticket if ticket is not None and ticket.until > time.monotonic() else None
