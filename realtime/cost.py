"""What something cost, with the lines it is made of: a part without a price is shown as such and never counted as 0."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import replace
from decimal import Decimal
from typing import Any


@dataclass(frozen=True, slots=True)
class Line:
    """One item of a cost: `quantity` in `unit`s at `rate` USD per `per` units. No rate means that its price is not known.

    `model` is what was used, `source` and `date` (ISO, may be empty) where the rate is from and since when it is known to hold.
    """

    item: str
    quantity: Decimal
    unit: str
    rate: Decimal | None
    per: int = 1
    note: str = ""
    model: str | None = None
    source: str = ""
    date: str = ""

    @property
    def usd(self) -> Decimal | None:
        """Its price, None when unknown."""
        return None if self.rate is None else self.quantity * self.rate / self.per

    def record(self) -> dict[str, Any]:
        """The record's form; `usd` and `rate` are None for an unknown price."""
        usd = self.usd
        made: dict[str, Any] = {
            "item": self.item,
            "quantity": _number(self.quantity),
            "unit": self.unit,
            "rate": None if self.rate is None else float(self.rate),
            "per": self.per,
            "usd": None if usd is None else float(usd),
            "model": self.model,
            "source": self.source,
            "date": self.date,
        }
        return {**made, "note": self.note} if self.note else made


@dataclass(frozen=True, slots=True)
class Cost:
    """A cost in USD. `usd` is the sum of the priced lines, None when there is none; `priced` only when nothing is missing.

    `usd` None and yet `priced` is an event that costs nothing of its own, because its session is billed by time. `source`
    names the price list, `date` (ISO, may be empty) is the day its prices are known to hold from.
    """

    usd: Decimal | None
    priced: bool
    source: str = ""
    date: str = ""
    lines: tuple[Line, ...] = ()

    @property
    def partial(self) -> bool:
        """True when `usd` leaves something out whose price is not known."""
        return self.usd is not None and not self.priced

    def __add__(self, other: Cost) -> Cost:
        known = [cost.usd for cost in (self, other) if cost.usd is not None]
        return Cost(
            sum(known, Decimal()) if known else None,
            self.priced and other.priced,
            _both(self.source, other.source),
            max(self.date, other.date),
            _merged(self.lines + other.lines),
        )

    def record(self) -> dict[str, Any]:
        """The record's form; amounts are JSON numbers in USD."""
        return {
            "usd": None if self.usd is None else float(self.usd),
            "priced": self.priced,
            "partial": self.partial,
            "source": self.source,
            "date": self.date,
            "lines": [line.record() for line in self.lines],
        }


@dataclass(frozen=True, slots=True)
class Seconds:
    """What a session lasted, as the proxy measured it: the open connection, and audio each way by its declared format."""

    wall: float = 0.0
    audio_in: float = 0.0
    audio_out: float = 0.0


UNPRICED = Cost(None, False)
"""The cost of something whose price is not known."""


def made_of(lines: tuple[Line, ...], source: str, date: str) -> Cost:
    """The cost that `lines` add up to. No line at all costs 0."""
    known = [usd for line in lines if (usd := line.usd) is not None]
    complete = len(known) == len(lines)
    return Cost(sum(known, Decimal()) if known or complete else None, complete, source, date, lines)


def without_price(lines: tuple[Line, ...]) -> Cost:
    """The cost of what nobody knows a price of, which is shown all the same."""
    return Cost(None, False, lines=lines)


def _merged(lines: tuple[Line, ...]) -> tuple[Line, ...]:
    """Lines of the same item at the same rate become one, so that a long session's cost stays short."""
    made: dict[tuple[object, ...], Line] = {}
    for line in lines:
        key = (line.item, line.unit, line.rate, line.per, line.note, line.model, line.source, line.date)
        before = made.get(key)
        made[key] = replace(line, quantity=line.quantity + before.quantity) if before else line
    return tuple(made.values())


def _both(one: str, other: str) -> str:
    parts = [*one.split("; "), *other.split("; ")]
    return "; ".join(dict.fromkeys(part for part in parts if part))


def _number(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)
