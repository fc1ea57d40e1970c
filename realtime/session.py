"""One realtime session: the single object that addons share, from the handshake to the finished record.

Holds no socket and reads no clock; `observe` is the whole path from a frame to turns, usage and audio seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from datetime import UTC
from datetime import datetime
from decimal import Decimal
from typing import Any
from typing import Final
from typing import Literal

from realtime.budget import Amounts
from realtime.cost import Line
from realtime.cost import Seconds
from realtime.cost import without_price
from realtime.delay import Delay
from realtime.dialects import Dialect
from realtime.dialects import detect
from realtime.dialects import make
from realtime.errors import TurnError
from realtime.errors import turn_error
from realtime.errors import unrecoverable_quota
from realtime.frame import Frame
from realtime.framing import Close
from realtime.gates.delays import Delays
from realtime.gates.settings import NONE as NO_GATES
from realtime.gates.settings import Gates
from realtime.hearing import Hearing
from realtime.hints import Hints
from realtime.latencies import Latencies
from realtime.ledger import Billed
from realtime.ledger import Ledger
from realtime.leg import Ending
from realtime.meter_audio import AudioMeter
from realtime.pin import ModelPin
from realtime.policies.marked import Marked
from realtime.prices import PriceBook
from realtime.secrecy import Secrets
from realtime.signals import AudioIn
from realtime.signals import AudioOut
from realtime.signals import ProviderError
from realtime.signals import ResponseFinished
from realtime.signals import SessionConfig
from realtime.signals import Signal
from realtime.signals import TextOut
from realtime.turn import Turn
from realtime.turns import TurnTracker
from realtime.watch import InForce
from realtime.watch import Watch

MAX_FLAWS: Final = 32
"""Kinds of unreadable messages that a record tells apart."""

UNSEEN: Final = without_price((Line("call", Decimal(1), "call", None, note="what it uses does not show here"),))
"""The cost of a call that is only signalled."""


@dataclass(frozen=True, slots=True)
class Client:
    """The app, as its handshake described it."""

    address: str
    agent: str
    origin: str | None
    path: str

    def record(self) -> dict[str, str | None]:
        return {"address": self.address, "agent": self.agent, "origin": self.origin, "path": self.path}


@dataclass(slots=True)
class CallLink:
    """A WebRTC call, as a session of it knows it: our id and the provider's, and how much of it comes through here.

    `billed` and `in_force` are shared by all sessions of the call, so that what two of them see counts once.
    """

    id: str
    mode: str
    upstream_id: str | None = None
    billed: Billed = field(default_factory=Billed, repr=False)
    in_force: InForce = field(default_factory=InForce, repr=False)

    def record(self) -> dict[str, str | None]:
        return {"id": self.id, "upstream_id": self.upstream_id, "mode": self.mode}


@dataclass(slots=True)
class Traffic:
    """Messages and payload bytes of one direction."""

    frames: int = 0
    bytes: int = 0

    def record(self) -> dict[str, int]:
        return {"frames": self.frames, "bytes": self.bytes}


@dataclass(slots=True, kw_only=True)
class Session:
    """`opened` is monotonic; `offset` turns such times into Unix time. Names: see the log's documentation."""

    id: str
    door: Literal["gateway", "intercept"]
    principal: str
    route: str | None
    provider: str
    kind: str
    model: str | None
    upstream_model: str | None
    upstream_host: str
    family: str
    dialect: Dialect
    pin: ModelPin
    opened: float
    offset: float
    text_limit: int
    prices: PriceBook
    aliases: Mapping[str, str]
    """Deployment name -> catalogue model, for prices."""
    grouping: str | None
    client: Client
    secrets: Secrets = field(default_factory=Secrets, repr=False)
    transport: Literal["websocket", "webrtc"] = "websocket"
    call: CallLink | None = None
    """The call that it carries or looks on."""
    traceparent: str | None = None
    """The span of the app that it belongs to, W3C trace context."""
    media: dict[str, Any] | None = None
    """The figures of a relayed call's sound, as the sidecar last told them."""
    token: str | None = None
    """The id of the ephemeral key with which it was opened."""
    first_event: bytes | None = field(default=None, repr=False)
    """What is said to the provider before anything of the client: the configuration baked into an ephemeral key of our own."""
    watch: Watch = field(default_factory=Watch, repr=False)
    """Which tools it may have, and what it was configured with."""
    forbidden: Callable[[str | None], Close | None] = field(default=lambda model: None, repr=False)
    """Why the session, which runs this model, would not be let in any more; None while it would."""
    listener: Hearing | None = field(default=None, repr=False)
    """Who gathers the sound of this session."""
    consents: bool = False
    """Whether its client said that it may be recorded."""
    recording: dict[str, Any] | None = None
    """What becomes of its sound, None where that is not kept."""
    events: dict[str, Any] | None = None
    """How many of its messages are on record, None where they are not kept."""
    hints: Hints = field(init=False, repr=False)
    """What its developer may want to know."""
    tracker: TurnTracker = field(init=False)
    ledger: Ledger = field(init=False)
    audio: AudioMeter = field(init=False)
    up: Traffic = field(default_factory=Traffic)
    down: Traffic = field(default_factory=Traffic)
    flaws: dict[str, int] = field(default_factory=dict)
    provider_session: str | None = None
    provider_model: str | None = None
    quota: str | None = None
    """Why the provider will answer nothing more on this account, once it said so."""
    unread: list[Frame] = field(default_factory=list, repr=False)
    """Audio that has crossed and was not looked at yet."""
    watched: bool = False
    """Whether every message is judged before it crosses, sound too: once an answer was blocked, and where sound is held."""
    paused: frozenset[bool] = frozenset()
    """The sides (True: the client) of which a message stands at a breakpoint."""
    stood: float = 0.0
    """Seconds for which any did so far."""
    breaks_sound: bool = False
    """Whether sound is among what may have to wait at a breakpoint."""
    undecided: bool = False
    """True until the first frame of a server whose dialect its path does not tell."""
    dirty: bool = False
    """True when something but audio came since the turns were last looked at."""
    hook_failures: int = 0
    leaks: int = 0
    """Messages in which a credential was about to cross."""
    tags: dict[str, None] = field(default_factory=dict)
    """Words that policies put on it, in the order in which they did."""
    gates: Gates = NO_GATES
    """What its route asks of the gates."""
    held: Delays = field(default_factory=Delays)
    """How long sound waited for its words."""
    marked: Marked = field(default_factory=Marked, repr=False)
    """What policies found in it, for those who store texts without that."""
    findings: dict[str, int] = field(default_factory=dict)
    """How many findings of each kind there were, written or not."""
    error: TurnError | None = None
    was_open: bool = True
    """False for one that failed before it began."""
    ending: Ending | None = None
    ended: float | None = None
    delay: Delay = field(default_factory=Delay)
    latencies: Latencies = field(default_factory=Latencies)
    """From the end of what the user said to the first sound, turn by turn."""

    def __post_init__(self) -> None:
        self.hints = Hints(self.kind)
        self.tracker = TurnTracker(self.id, offset=self.offset, text_limit=self.text_limit)
        self.ledger = Ledger(self.prices, self.kind, self.model, self.aliases, self.call.billed if self.call is not None else None)
        self.audio = AudioMeter(self.dialect.formats)

    def observe(self, frame: Frame) -> None:
        """Take in one message that crossed, in the order in which it did."""
        traffic = self.up if frame.from_client else self.down
        traffic.frames += 1
        traffic.bytes += len(frame.payload)
        if self.undecided and not frame.from_client:
            self._decide(frame)
        for signal in self.dialect.signals(frame):
            self._apply(signal, frame)
        if frame.flaw is not None:
            self._note_flaw(frame)

    def _decide(self, frame: Frame) -> None:
        """A server of unknown make gives its dialect away with its first frame."""
        self.undecided = False
        name = detect(frame)
        if name is not None and name != self.dialect.name:
            self.dialect = make(name)
            self.audio = AudioMeter(self.dialect.formats)

    def _apply(self, signal: Signal, frame: Frame) -> None:
        self.tracker.apply(signal, from_client=frame.from_client, at=frame.at)
        kind = type(signal)
        if kind is not TextOut:
            if kind is not AudioIn and kind is not AudioOut:
                self._settle(signal)
                self.hints.see(self.dialect.name, signal, frame.at)
            elif kind is AudioIn and frame.from_client and self.hints.hears:
                self.hints.sound(signal, frame.at)  # type: ignore[arg-type]
            self.audio.add(signal)
        if self.listener is not None:
            self.listener(signal, frame.at)

    def _settle(self, signal: Signal) -> None:
        """What comes a few times a turn: usage, configuration, errors."""
        self.dirty = True
        self.ledger.apply(signal)
        if isinstance(signal, SessionConfig) and signal.confirmed:
            self.provider_session = signal.id or self.provider_session
            self.provider_model = signal.model or self.provider_model
        elif isinstance(signal, ProviderError):
            self._errored(signal)
        elif isinstance(signal, ResponseFinished) and signal.error is not None:
            self._errored(signal.error)

    def _errored(self, error: ProviderError) -> None:
        self.error = turn_error(error)
        if unrecoverable_quota(error):
            self.quota = "the provider's quota is used up"

    def _note_flaw(self, frame: Frame) -> None:
        who = "client" if frame.from_client else "upstream"
        name = f"{who}: {frame.flaw}"
        if name in self.flaws or len(self.flaws) < MAX_FLAWS:
            self.flaws[name] = self.flaws.get(name, 0) + 1

    def turns_to_write(self) -> list[Turn]:
        """Turns that ended or changed since the last call, priced."""
        self.dirty = False
        turns = self.tracker.changed()
        for turn in turns:
            turn.cost = self.ledger.cost_of(turn)
            if (waited := turn.clocks.perceived) is not None:
                self.latencies.note(turn.index, waited)
        return turns

    def fail(self, status: int, upstream_status: int | None, now: float, why: str | None = None) -> None:
        """The session ends before it began: the handshake upstream failed, or what `why` says."""
        seen = why or (f"the provider answered {upstream_status}" if upstream_status else "the provider did not answer")
        self.error = TurnError(status, "upstream_error", "upstream_error", "handshake_failed", seen)
        self.ending = Ending(1006, f"no session: {seen}", "upstream") if status != 499 else Ending(1006, "the client went away", "client")
        self.ended = now
        self.was_open = False

    def end(self, ending: Ending | None, now: float, delay: Delay) -> None:
        """The connection is over: finish what was open."""
        self.ending = ending or Ending(1006, "connection lost", "proxy")
        self.ended = now
        self.delay = delay
        for signal in self.dialect.end():
            self._apply(signal, Frame(False, b"", at=now))
        self.tracker.close(_CLOSED_BY[self.ending.side], now)

    def opening_record(self) -> dict[str, Any]:
        """What is known when the session opens."""
        return {
            "id": self.id,
            "started_at": self._time(self.opened),
            "ended_at": None,
            "transport": self.transport,
            "call": self.call and self.call.record(),
            "client_secret": self.token,
            "door": self.door,
            "principal": self.principal,
            "route": self.route,
            "provider": self.provider,
            "kind": self.kind,
            "family": self.family,
            "dialect": self.dialect.name,
            "upstream_host": self.upstream_host,
            "grouping": self.grouping,
            "traceparent": self.traceparent,
            "client": self.client.record(),
            **self.progress_record(self.opened),
            "close": None,
        }

    def progress_record(self, now: float) -> dict[str, Any]:
        """What changes while the session runs."""
        usage, cost = self.ledger.totals(Seconds(self._lasted(now), *self._heard()))
        return {
            "model": self.model or self.provider_model,
            "upstream_model": self.upstream_model,
            "provider_model": self.provider_model,
            "provider_session": self.provider_session,
            "turns": self.tracker.count,
            "usage": usage.record(),
            "cost": (cost if self.is_seen else UNSEEN).record(),
            "first_audio": self.latencies.record(),
            "findings": dict(self.findings),
            **self.media_record(),
            "recording": self.recording,
            "held": self.held.record(),
            "events": self.events and {**self.events},
            "error": self.error and self.error.record(),
        }

    def record(self, now: float) -> dict[str, Any]:
        """The record of a session that is still open, with who has the word: `state`, which no log has."""
        return {**self.opening_record(), **self.progress_record(now), "state": self.tracker.state}

    def media_record(self) -> dict[str, Any]:
        """How much sound there was, and on a relayed call how it travelled."""
        seconds_in, seconds_out = self._heard()
        return {"media": self.media, "audio": {"in_seconds": round(seconds_in, 3), "out_seconds": round(seconds_out, 3)}}

    def closing_record(self) -> dict[str, Any]:
        """What is known once the session is over."""
        ending, ended = self.ending, self.ended if self.ended is not None else self.opened
        return {
            **self.progress_record(ended),
            "ended_at": self._time(ended),
            "close": ending and {"code": ending.code, "reason": ending.reason, "side": ending.side},
            "frames": {"client": self.up.record(), "upstream": self.down.record()},
            "unreadable": self.flaws,
            "redacted_credentials": self.leaks,
            "tags": list(self.tags),
            "errors": list(self.tracker.errors),
            "lost": {name: count for name, count in self.tracker.lost.items() if count},
            "added": self.delay.record(),
        }

    def used(self, now: float, *, money: bool) -> tuple[Amounts, bool]:
        """What counts towards budgets, dollars only where `money` is asked for; and whether nothing is missing in those."""
        seconds_in, seconds_out = self._heard()
        wall = self._lasted(now)
        usd, priced = self.ledger.money(Seconds(wall, seconds_in, seconds_out)) if money else (0.0, True)
        return Amounts(usd, self.ledger.tokens, seconds_in, wall), priced and self.is_seen

    def summary(self) -> str:
        """One line for the operator's log, without content."""
        ending = self.ending
        how = f"closed by the {ending.side}, {ending.code} {ending.reason!r}" if ending else "open"
        return f"{self.tracker.count} turns on {self.provider}/{self.model or self.provider_model or '-'}, {how}"

    @property
    def is_seen(self) -> bool:
        """Whether what the session uses shows here; of a call that is only signalled it does not."""
        return self.call is None or self.call.mode != "signal"

    def _heard(self) -> tuple[float, float]:
        """Seconds of sound towards the provider and back: of a relayed call those of its packets, else those of its messages."""
        if self.media is None:
            return self.audio.seconds_in, self.audio.seconds_out
        return self.media["client"]["seconds"], self.media["upstream"]["seconds"]

    def _lasted(self, now: float) -> float:
        return max(0.0, now - self.opened) if self.was_open else 0.0

    def _time(self, at: float) -> str:
        return datetime.fromtimestamp(at + self.offset, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


_CLOSED_BY: Final = {"client": "client_closed", "upstream": "upstream_closed", "proxy": "proxy_closed"}
