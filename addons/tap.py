"""What the addons of one running proxy share: settings, the active rules, the log, the live sessions and calls. No behaviour of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Final
from typing import Literal

from mitmproxy import http
from mitmproxy.proxy.mode_specs import ReverseMode

from addons.findings import Findings
from addons.floods import RefusalLog
from addons.registry import Registry
from addons.relay import Line
from addons.tickets import Tickets
from addons.tokens import TokenRing
from realtime.policies import PolicySet
from realtime.prices import PriceBook
from realtime.session import Session
from rules.access import Key
from rules.model import Rules
from store.lines import Row
from store.log import Log

Door = Literal["gateway", "intercept"]

SESSION: Final = "voicetap.session"
"""Key of `flow.metadata`: the flow's `Session`, the one object that addons share about it."""

DIALS: Final = "voicetap.dials"
"""Key of `flow.metadata`: host and port of the upstream that our own code pointed this request at."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How the proxy was started. Addresses, where given, go before those of `listen` in the rules."""

    rules: Path
    data: Path
    scripts: tuple[Path, ...] = ()
    gateway: str | None = None
    intercept: str | None = None
    control: str | None = None
    monitor: bool = False
    """True lets every policy watch only."""


@dataclass(frozen=True, slots=True)
class Generation:
    """One valid state of the rules file, compiled; the next one takes its place as a whole."""

    number: int
    rules: Rules
    prices: PriceBook
    policies: PolicySet
    watches_sound: bool
    """Whether a policy looks at messages of mere sound."""


@dataclass(slots=True)
class Tap:
    """The running proxy."""

    settings: Settings
    generation: Generation
    log: Log
    environment: Mapping[str, str]
    own_keys: Callable[[], tuple[Key, ...]]
    """Keys made on the command line, as they stand now."""
    tokens: TokenRing
    """Ephemeral keys that were minted here."""
    live: dict[str, tuple[Session, Line]] = field(default_factory=dict)
    """Open sessions by id."""
    opening: dict[str, Session] = field(default_factory=dict)
    """Sessions whose upstream is being dialled; they count towards the limits."""
    calls: Registry = field(default_factory=Registry)
    """The calls that clients may name."""
    tickets: Tickets = field(default_factory=Tickets)
    """What our own sidecar opens the events of a call with."""
    over: list[Callable[[Session], None]] = field(default_factory=list)
    """Who is told of each session that ended, or that did not come about."""
    turned: list[Callable[[Session, Row], None]] = field(default_factory=list)
    """Who is told of each turn as it is written; an amended one is told again."""
    pages: frozenset[str] = frozenset()
    """Origins of the control port, whose own pages may call."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when new rules are active, so that live sessions are looked at without delay."""
    draining: bool = False
    """True while the proxy shuts down: nothing new is let in."""
    findings: Findings = field(init=False)
    """Where everything that the proxy finds goes."""
    refusals: RefusalLog = field(init=False)
    """The same for requests that a door refuses."""

    def __post_init__(self) -> None:
        self.findings = Findings(self.log, lambda: self.rules.log.content in ("redacted", "full"))
        self.refusals = RefusalLog(self.findings)

    @property
    def rules(self) -> Rules:
        return self.generation.rules

    @property
    def keys(self) -> tuple[Key, ...]:
        """Every key that could be presented: those of the rules, then those made on the command line."""
        return (*self.rules.keys, *self.own_keys())

    def allows_origin(self, origin: str) -> bool:
        """Whether pages of this origin may use the gateway."""
        return origin in self.rules.listen.origins or origin in self.pages

    def ended(self, session: Session) -> None:
        """Tell who wants to know it."""
        for told in self.over:
            told(session)

    def open_sessions(self, principal: str | None = None, route: str | None = None) -> int:
        """How many sessions are open or opening, of one principal, of one route, or of all."""
        sessions = [*self.opening.values(), *(session for session, _ in self.live.values())]
        return sum(principal in (None, session.principal) and route in (None, session.route) for session in sessions)


def door_of(flow: http.HTTPFlow) -> Door:
    """Through which listener a flow came."""
    return "gateway" if isinstance(flow.client_conn.proxy_mode, ReverseMode) else "intercept"


def session_of(flow: http.HTTPFlow) -> Session | None:
    """The realtime session of a flow, None for every other request."""
    found: Session | None = flow.metadata.get(SESSION)
    return found
