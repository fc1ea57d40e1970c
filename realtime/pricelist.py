"""List prices from the data that ships inside the `genai-prices` package: read once, offline, never updated from the network."""

from __future__ import annotations

import re
from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from importlib.metadata import version
from typing import Final
from typing import Literal

from genai_prices.data import providers as _PROVIDERS
from genai_prices.types import ConditionalPrice
from genai_prices.types import ModelInfo
from genai_prices.types import ModelPrice
from genai_prices.types import Provider
from genai_prices.types import StartDateConstraint
from genai_prices.types import TieredPrices

SOURCE: Final = f"genai-prices {version('genai-prices')}"
MILLION: Final = 1_000_000

Basis = Literal["wall", "session", "audio_in", "audio_out"]
"""Which seconds a price by time counts: the open connection, the provider's cumulative report (else the connection), or audio."""

_LISTED: Final[dict[str, tuple[str, ...]]] = {
    "openai": ("openai",),
    "azure": ("azure",),
    "xai": ("x-ai",),
    "gemini": ("google",),
    "elevenlabs": ("elevenlabs",),
    "zai": ("zai", "zhipuai"),
    "simulator": ("openai",),
}
"""Kind of provider to the providers of the package. A kind that is missing here (Bailian, self-hosted servers) has no list price.

The simulator costs nothing; its models read at the list price of what they simulate.
"""
_BY_CONNECTION: Final = frozenset({"x-ai", "elevenlabs"})
"""Providers whose audio hours are hours of the open connection: docs.x.ai voice pricing; the package's note on ElevenLabs."""
_BY_SESSION: Final = frozenset({"gpt-live-1"})
"""Models billed per second of the session, as reported in total by the provider (OpenAI Live)."""

_TOKENS: Final[dict[str, tuple[str, ...]]] = {
    "text_in": ("input_text_mtok", "input_mtok"),
    "audio_in": ("input_audio_mtok", "input_mtok"),
    "image_in": ("input_image_mtok", "input_mtok"),
    "cached_text": ("cache_text_read_mtok", "cache_read_mtok"),
    "cached_audio": ("cache_audio_read_mtok",),
    "cached_image": ("cache_image_read_mtok",),
    "text_out": ("output_text_mtok", "output_mtok"),
    "audio_out": ("output_audio_mtok", "output_mtok"),
}
"""Our rates to the package's price keys; the first one that a model has counts. A plain key holds for all kinds not named."""
_OTHERS: Final[dict[str, tuple[str, int]]] = {"messages": ("input_text_messages_kcount", 1000), "characters": ("input_mchars", MILLION)}
_HOURS: Final = ("audio_hours", "input_audio_hours")
_DAY = re.compile(r"\b20\d\d-[01]\d-[0-3]\d\b")


@dataclass(frozen=True, slots=True)
class Rate:
    """USD for `per` units."""

    usd: Decimal
    per: int


@dataclass(frozen=True, slots=True)
class Rates:
    """What one model costs. `tokens` by kind (see `_TOKENS`), `seconds` by what they count, `others` for messages and characters."""

    tokens: dict[str, Rate]
    seconds: dict[Basis, Rate]
    others: dict[str, Rate]
    source: str
    date: str


class PriceList:
    """The packaged prices on the day that `now` tells, because some are known to change on a date."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now

    def rates(self, kind: str, model: str, input_tokens: int = 0) -> Rates | None:
        """The list price of a model of a provider of this kind; None where there is none. `input_tokens` choose the tier."""
        found = _find(kind, model)
        if found is None:
            return None
        provider, info = found
        moment = self._now()
        price = info.get_prices(moment)
        tokens = {rate: Rate(usd, MILLION) for rate, keys in _TOKENS.items() if (usd := _first(price, keys, input_tokens)) is not None}
        others = {rate: Rate(usd, per) for rate, (key, per) in _OTHERS.items() if (usd := _first(price, (key,), 0)) is not None}
        hour = _first(price, _HOURS, 0)
        seconds: dict[Basis, Rate] = {} if hour is None else {_basis(provider, info): Rate(hour, 3600)}
        known_since = _in_force_since(info, price) or _newest_day(moment.date())
        return Rates(tokens, seconds, others, SOURCE, known_since) if tokens or seconds or others else None


@lru_cache(maxsize=512)
def _find(kind: str, model: str) -> tuple[Provider, ModelInfo] | None:
    """The entry of a model. A path such as `models/gemini-3.8-live` names the model by its last part."""
    reference = model.rsplit("/", 1)[-1].strip()
    for wanted in _LISTED.get(kind, ()) if reference else ():
        provider = next(provider for provider in _PROVIDERS if provider.id == wanted)
        info = provider.find_model(reference, all_providers=_PROVIDERS)
        if info is not None:
            return provider, info
    return None


def _basis(provider: Provider, info: ModelInfo) -> Basis:
    if provider.id in _BY_CONNECTION:
        return "wall"
    return "session" if info.id in _BY_SESSION else "audio_in"


def _first(price: ModelPrice, keys: tuple[str, ...], input_tokens: int) -> Decimal | None:
    found = next((value for key in keys if (value := getattr(price, key)) is not None), None)
    if isinstance(found, TieredPrices):
        return next((tier.price for tier in reversed(found.tiers) if input_tokens > tier.start), found.base)
    return found


def _in_force_since(info: ModelInfo, price: ModelPrice) -> str:
    """The first day of this price, where the package says it; else nothing."""
    conditions = info.prices if isinstance(info.prices, list) else []
    return next((_start(entry) for entry in conditions if entry.prices == price), "")


def _start(entry: ConditionalPrice) -> str:
    return entry.constraint.start_date.isoformat() if isinstance(entry.constraint, StartDateConstraint) else ""


@lru_cache(maxsize=8)
def _newest_day(today: date) -> str:
    """The newest day up to today that the data speaks of: it is at least as new as that, and carries no date of its own."""
    return max((day for day in _days() if day <= today.isoformat()), default="")


def _days() -> Iterator[str]:
    for provider in _PROVIDERS:
        yield from _DAY.findall(provider.price_comments or "")
        for info in provider.models:
            yield from _DAY.findall(info.price_comments or "")
            yield from (_start(entry) for entry in (info.prices if isinstance(info.prices, list) else ()))
