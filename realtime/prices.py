"""What usage costs: the operator's own prices first, then the packaged list; what neither knows reads unpriced, never 0."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from datetime import datetime
from decimal import Decimal
from typing import Final
from typing import Literal
from typing import Protocol

from realtime.cost import Cost
from realtime.cost import Line
from realtime.cost import Seconds
from realtime.cost import made_of
from realtime.cost import without_price
from realtime.pricelist import MILLION
from realtime.pricelist import Basis
from realtime.pricelist import PriceList
from realtime.pricelist import Rate
from realtime.pricelist import Rates
from realtime.usage import Usage

Amount = Decimal | float | None


class Entry(Protocol):
    """A price of the operator's, as the rules hold it: USD for each `per`, None where not given."""

    @property
    def text_in(self) -> Amount: ...
    @property
    def text_out(self) -> Amount: ...
    @property
    def audio_in(self) -> Amount: ...
    @property
    def audio_out(self) -> Amount: ...
    @property
    def image_in(self) -> Amount: ...
    @property
    def cached_text(self) -> Amount: ...
    @property
    def cached_audio(self) -> Amount: ...
    @property
    def cached_image(self) -> Amount: ...
    @property
    def session(self) -> Amount: ...
    @property
    def per(self) -> Literal["1M", "1K", "second", "minute", "hour", "message"]: ...
    @property
    def source(self) -> str: ...


_TOKEN_RATES: Final = ("text_in", "text_out", "audio_in", "audio_out", "image_in", "cached_text", "cached_audio", "cached_image")
_TOKEN_UNITS: Final = {"1M": MILLION, "1K": 1000}
_TIME_UNITS: Final = {"second": 1, "minute": 60, "hour": 3600}
_TIME_RATES: Final[dict[str, Basis]] = {"session": "wall", "audio_in": "audio_in", "audio_out": "audio_out"}
_REMEMBERED: Final = 512
_FREE_TEXT: Final = frozenset({"bailian"})
"""Kinds of providers that charge no text in a response that also produced audio (observed of DashScope's omni models)."""


class PriceBook:
    """Prices by kind of provider and model. `overlay` maps model names to the operator's prices.

    An overlay in tokens replaces the packaged token rates that it names, rate by rate; one by time or message replaces the
    packaged price as a whole. `now` tells the day whose prices hold.
    """

    def __init__(self, overlay: Mapping[str, Entry] | None = None, *, now: Callable[[], datetime]) -> None:
        self._own = {model.casefold(): _rates(entry) for model, entry in (overlay or {}).items()}
        self._list = PriceList(now)
        self._now = now
        self._day: date | None = None
        self._known: dict[tuple[str, str], Rates | None] = {}
        """What sessions are asked for again and again, for the prices of one day."""

    def rates(self, kind: str, model: str | None, input_tokens: int = 0) -> Rates | None:
        """The rates in force for a model, None when nothing is known about it."""
        if not model:
            return None
        if input_tokens:
            return self._found(kind, model, input_tokens)
        today = self._now().date()
        if today != self._day or len(self._known) >= _REMEMBERED:
            self._day = today
            self._known.clear()
        if (kind, model) not in self._known:
            self._known[kind, model] = self._found(kind, model, 0)
        return self._known[kind, model]

    def _found(self, kind: str, model: str, input_tokens: int) -> Rates | None:
        listed = self._list.rates(kind, model, input_tokens)
        own = self._own.get(model.casefold())
        if own is None or listed is None or not own.tokens:
            return own or listed
        if not listed.tokens.keys() - own.tokens.keys():
            return own
        return Rates({**listed.tokens, **own.tokens}, {}, listed.others, f"{own.source}; {listed.source}", listed.date)

    def by_time(self, kind: str, model: str | None) -> frozenset[Basis]:
        """Which seconds this model is billed by; empty for a price by tokens, or none."""
        rates = self.rates(kind, model)
        return frozenset(rates.seconds) if rates else frozenset()

    def cost(self, kind: str, model: str | None, usage: Usage, seconds: Seconds | None = None) -> Cost:
        """The cost of one billable event, or with `seconds` of a session's time.

        Without `seconds` only what the event itself reported is priced. An event of a model that is billed by time alone
        costs nothing of its own: `usd` None, `priced`.
        """
        rates = self.rates(kind, model, usage.input_tokens)
        if rates is None or not (rates.tokens or rates.seconds or rates.others):
            return without_price(tuple(replace(line, model=model) for line in unpriced_lines(usage)))
        found = (*_token_lines(rates, usage, kind), *_other_lines(rates, usage), *_time_lines(rates, usage, seconds))
        lines = tuple(replace(line, model=model, source=rates.source, date=rates.date) for line in found)
        if not lines and not rates.tokens:
            return Cost(None, True, rates.source, rates.date)
        return made_of(lines, rates.source, rates.date)


def _rates(entry: Entry) -> Rates:
    source = f"rules: {entry.source}" if entry.source else "rules"
    amounts = {rate: Decimal(str(usd)) for rate in (*_TOKEN_RATES, "session") if (usd := getattr(entry, rate)) is not None}
    if entry.per in _TOKEN_UNITS:
        return Rates({rate: Rate(usd, _TOKEN_UNITS[entry.per]) for rate, usd in amounts.items()}, {}, {}, source, "")
    if entry.per in _TIME_UNITS:
        unit = _TIME_UNITS[entry.per]
        return Rates({}, {basis: Rate(amounts[rate], unit) for rate, basis in _TIME_RATES.items() if rate in amounts}, {}, source, "")
    message = amounts.get("text_in")
    return Rates({}, {}, {} if message is None else {"messages": Rate(message, 1)}, source, "")


def _token_lines(rates: Rates, usage: Usage, kind: str) -> Iterator[Line]:
    """Tokens by kind and direction. Cached ones are part of the input; reasoning is part of the text output."""
    if not rates.tokens:
        return
    named = usage.input_text + usage.input_audio + usage.input_image
    text, unnamed = _text_and_unnamed(rates, "in", usage.input_text, usage.input_tokens - named, bool(named))
    counts = (
        ("text", text, usage.cached_text),
        ("audio", usage.input_audio, usage.cached_audio),
        ("image", usage.input_image, usage.cached_image),
    )
    for name, count, cached in counts:
        cached = min(cached, count)
        fresh = rates.tokens.get(f"{name}_in")
        yield from _tokens(f"{name}_in", count - cached, fresh)
        yield from _tokens(f"cached_{name}", cached, rates.tokens.get(f"cached_{name}", fresh))
    yield from _tokens("input", unnamed, None, _NOT_NAMED)
    named = usage.output_text + usage.output_audio
    text, unnamed = _text_and_unnamed(rates, "out", usage.output_text, usage.output_tokens - named, bool(named))
    free = kind in _FREE_TEXT and usage.output_audio > 0
    yield from _tokens("text_out", text, Rate(Decimal(), MILLION) if free else rates.tokens.get("text_out"), _FREE if free else "")
    yield from _tokens("audio_out", usage.output_audio, rates.tokens.get("audio_out"))
    yield from _tokens("output", unnamed, None, _NOT_NAMED)


_NOT_NAMED: Final = "the provider did not say of which kind"
_FREE: Final = "free beside audio"


def _text_and_unnamed(rates: Rates, direction: str, text: int, rest: int, some_named: bool) -> tuple[int, int]:
    """Tokens that count as text, and those whose price cannot be told because nothing says what they are."""
    rest = max(0, rest)
    text_rate, audio_rate = (rates.tokens.get(f"{name}_{direction}") for name in ("text", "audio"))
    return (text + rest, 0) if some_named or text_rate == audio_rate else (text, rest)


def _tokens(item: str, count: int, rate: Rate | None, note: str = "") -> Iterator[Line]:
    if count:
        yield Line(item, Decimal(count), "token", rate.usd if rate else None, rate.per if rate else 1, note)


def unpriced_lines(usage: Usage) -> Iterator[Line]:
    """What was used, where nothing at all is known of its price."""
    cached = usage.cached_text + usage.cached_audio + usage.cached_image
    named_in = usage.input_text + usage.input_audio + usage.input_image
    counts = {
        "text_in": usage.input_text - usage.cached_text,
        "audio_in": usage.input_audio - usage.cached_audio,
        "image_in": usage.input_image - usage.cached_image,
        "cached_text": usage.cached_text,
        "cached_audio": usage.cached_audio,
        "cached_image": usage.cached_image,
        "input": usage.input_tokens - (named_in or cached),
        "text_out": usage.output_text,
        "audio_out": usage.output_audio,
        "output": usage.output_tokens - usage.output_text - usage.output_audio,
    }
    yield from (Line(item, Decimal(count), "token", None) for item, count in counts.items() if count > 0)
    if usage.seconds:
        yield Line("session", Decimal(str(round(usage.seconds, 3))), "second", None)
    for item, count in (("characters", usage.characters), ("messages", usage.messages)):
        if count:
            yield Line(item, Decimal(count), item.removesuffix("s"), None)


def _other_lines(rates: Rates, usage: Usage) -> Iterator[Line]:
    for item, rate in rates.others.items():
        count = usage.messages if item == "messages" else usage.characters
        if count:
            yield Line(item, Decimal(count), item.removesuffix("s"), rate.usd, rate.per)


def _time_lines(rates: Rates, usage: Usage, seconds: Seconds | None) -> Iterator[Line]:
    for basis, rate in rates.seconds.items():
        amount = _amount(basis, usage.seconds, seconds)
        if amount is not None:
            yield Line(_TIME_ITEMS[basis], Decimal(str(round(amount, 3))), "second", rate.usd, rate.per)


_TIME_ITEMS: Final[dict[Basis, str]] = {"wall": "connection", "session": "session", "audio_in": "audio_in", "audio_out": "audio_out"}


def _amount(basis: Basis, reported: float, seconds: Seconds | None) -> float | None:
    """The seconds to bill: what the provider reported, where its report is what it bills by, else what was measured."""
    if reported and basis in ("session", "audio_in"):
        return reported
    if seconds is None:
        return None
    return {"wall": seconds.wall, "session": seconds.wall, "audio_in": seconds.audio_in, "audio_out": seconds.audio_out}[basis]
