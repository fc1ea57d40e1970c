"""The usage and cost of one session: every billable event once, at the price of the model it ran on, plus what time costs.

Only sums are kept, so a session of any length costs the same memory. `apply` returns each new row for whoever journals it.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import replace
from decimal import Decimal
from typing import Any
from typing import Final
from typing import Literal

from realtime.cost import UNPRICED
from realtime.cost import Cost
from realtime.cost import Line
from realtime.cost import Seconds
from realtime.cost import without_price
from realtime.prices import PriceBook
from realtime.recent import Recent
from realtime.settings import Settings
from realtime.signals import InputTranscript
from realtime.signals import ResponseFinished
from realtime.signals import SessionConfig
from realtime.signals import Signal
from realtime.signals import UsageReport
from realtime.signals import UserItem
from realtime.turn import Turn
from realtime.turntext import name
from realtime.usage import Usage

MAX_IDS: Final = 4096
"""Ids of billed events that are remembered, so that an event seen twice counts once."""
_BY_STREAM: Final = frozenset({"transcription", "translation"})
"""Kinds of sessions whose audio is billed even where the provider reports nothing."""
MAX_MODELS: Final = 32
"""Models that the lines of a session's cost tell apart; a provider may name as many as it likes."""
_NO_TOKENS: Final = "the provider reports none to the session"

What = Literal["response", "transcription", "report"]


class Billed:
    """What was billed, by kind and id; shared where one event is seen on more than one socket."""

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        self._seen: Recent[tuple[What, str], None] = Recent(MAX_IDS)

    def first(self, what: What, key: str) -> bool:
        """Whether this event was not billed yet; it is from now on."""
        if (what, key) in self._seen:
            return False
        self._seen[what, key] = None
        return True


@dataclass(frozen=True, slots=True)
class Row:
    """One billable event. `id` is None where the provider names none."""

    what: What
    id: str | None
    model: str | None
    usage: Usage
    cost: Cost

    def record(self) -> dict[str, Any]:
        """The record's form."""
        return {"what": self.what, "id": self.id, "model": self.model, "usage": self.usage.record(), "cost": self.cost.record()}


class Ledger:
    """The account of one session.

    `kind` is the kind of its provider; `model` the model it was opened with, used until the wire names one; `aliases` maps
    names on the wire (deployments) to the models that the price list knows; `billed` is what several sessions share.
    """

    def __init__(
        self,
        prices: PriceBook,
        kind: str,
        model: str | None = None,
        aliases: Mapping[str, str] | None = None,
        billed: Billed | None = None,
    ) -> None:
        self.model = model
        self.rows = 0
        self._prices = prices
        self._kind = kind
        self._aliases = aliases or {}
        self._settings = Settings()
        self._billed = billed or Billed()
        self._usage = Usage()
        self._cost: Cost | None = None
        self._cumulative = Usage()
        self._texts = 0
        self._echoes = 0
        self._items: Recent[str, None] = Recent(MAX_IDS)
        self._models: set[str | None] = set()
        self._tokens = False
        """True once an event reported tokens."""
        self._timed = False
        """True once an event reported seconds: then these are billed, not what was measured."""

    def apply(self, signal: Signal) -> Row | None:
        """Take in one signal of the session; returns the row of a billable event that was not known yet."""
        handler = _HANDLERS.get(type(signal))
        return handler(self, signal) if handler is not None else None

    def cost_of(self, turn: Turn) -> Cost | None:
        """What one turn cost, its transcription at that model's price included. None where the provider reported nothing."""
        spoken = turn.trigger == "transcription"
        parts = [(turn.usage, self._main() if spoken else self._known(turn.model))]
        if not spoken and turn.transcription:
            parts.append((turn.transcription, self._known(self._settings.transcription_model)))
        costs = [self._prices.cost(self._kind, model, usage) for usage, model in parts if usage is not None]
        return sum(costs[1:], costs[0]) if costs else None

    def totals(self, seconds: Seconds) -> tuple[Usage, Cost]:
        """The session so far. Where some of it has a price and some has none, `usd` is the priced part and `partial` is set."""
        session = self._session_cost(seconds)
        if self._cost is None:
            return self._usage + self._cumulative, session or UNPRICED
        return self._usage + self._cumulative, self._cost + session if session else self._cost

    @property
    def tokens(self) -> int:
        """All that were used so far, as the provider counts them."""
        return self._usage.total_tokens + self._cumulative.total_tokens

    def money(self, seconds: Seconds) -> tuple[float, bool]:
        """As `totals`, in short: the dollars that are known of, and whether that is all."""
        events, session = self._cost, self._session_cost(seconds)
        known = sum(cost.usd or Decimal() for cost in (events, session) if cost is not None)
        missing = (events is not None and not events.priced) or (session is not None and not session.priced and bool(session.lines))
        return float(known), not missing

    def _session_cost(self, seconds: Seconds) -> Cost | None:
        """What belongs to no event: time, text messages, cumulative reports. None where no model of the session is known."""
        model = self._main()
        if model is None:
            return None
        bases = self._prices.by_time(self._kind, model)
        usage = replace(self._cumulative, messages=self._cumulative.messages + self._texts) if self._texts else self._cumulative
        measured = None if "audio_in" in bases and self._timed else seconds
        cost = self._prices.cost(self._kind, model, usage, measured)
        rates = self._prices.rates(self._kind, model)
        if rates is not None and rates.tokens and rates.seconds and not self._tokens:
            return cost + without_price((Line("tokens", Decimal(), "token", None, note=_NO_TOKENS, model=model),))
        if not bases and not self.rows and seconds.audio_in and self._settings.kind in _BY_STREAM:
            return without_price((Line("audio_in", Decimal(str(round(seconds.audio_in, 3))), "second", None, model=model),))
        return cost

    def _main(self) -> str | None:
        """The model that the session as a whole is billed for."""
        settings = self._settings
        return self._known((settings.hearing_model if settings.kind == "transcription" else settings.model) or self.model)

    def _known(self, model: str | None) -> str | None:
        return None if model is None else self._aliases.get(model, model)

    def _configured(self, signal: SessionConfig) -> None:
        self._settings.apply(signal)

    def _wrote(self, signal: UserItem) -> None:
        """Count a text message once, though the provider shows it again under an id of its own."""
        if signal.spoken or not signal.text:
            return
        item = signal.item_id and name(signal.item_id)
        if item is None:
            self._echoes += 1
        elif item in self._items:
            return
        else:
            self._items[item] = None
            if self._echoes:
                self._echoes -= 1
                return
        self._texts += 1

    def _finished(self, signal: ResponseFinished) -> Row | None:
        model = signal.model or self._settings.model or self.model
        return self._bill("response", signal.response_id, model, signal.usage)

    def _transcribed(self, signal: InputTranscript) -> Row | None:
        model = self._main() if self._settings.kind == "transcription" else self._settings.transcription_model
        return self._bill("transcription", signal.usage_id or signal.item_id, model, signal.usage)

    def _reported(self, signal: UsageReport) -> Row | None:
        if signal.cumulative:
            self._cumulative = signal.usage
            return None
        return self._bill("report", signal.id, signal.model or self._settings.model or self.model, signal.usage)

    def _bill(self, what: What, event_id: str | None, model: str | None, usage: Usage | None) -> Row | None:
        key = event_id and name(event_id)
        if usage is None or (key and not self._billed.first(what, key)):
            return None
        model = self._known(model)
        row = Row(what, key, model, usage, self._told_apart(model, self._prices.cost(self._kind, model, usage)))
        self.rows += 1
        self._tokens = self._tokens or usage.total_tokens > 0
        self._timed = self._timed or usage.seconds > 0
        self._usage += usage
        self._cost = row.cost if self._cost is None else self._cost + row.cost
        return row

    def _told_apart(self, model: str | None, cost: Cost) -> Cost:
        """The cost with the model in its lines, as long as there are few."""
        if model in self._models or len(self._models) < MAX_MODELS:
            self._models.add(model)
            return cost
        return replace(cost, lines=tuple(replace(line, model=None) for line in cost.lines))


_HANDLERS: Final[dict[type, Callable[[Ledger, Any], Row | None]]] = {
    SessionConfig: Ledger._configured,
    UserItem: Ledger._wrote,
    ResponseFinished: Ledger._finished,
    InputTranscript: Ledger._transcribed,
    UsageReport: Ledger._reported,
}
