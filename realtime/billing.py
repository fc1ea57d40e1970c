"""What a session's record says it used and cost, line by line, as rows that can be billed. Works on records, so also after a crash."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any
from typing import Final

Record = Mapping[str, Any]

_LONGER: Final = {60: "minute", 3600: "hour"}
"""Seconds that are priced by so many are billed in this unit."""
_SAME: Final = ("item", "unit", "rate", "per", "note", "model", "source", "date")


def rows(session: Record) -> Iterator[dict[str, Any]]:
    """One row for each line of the session's cost that says anything.

    `price` is USD for `per` units; it and `cost` are None where no price is known.
    Rows are numbered within their session, and their costs add up to the session's.
    """
    cost = session.get("cost") or {}
    lines = [line for line in cost.get("lines") or () if line["quantity"] or line["usd"] is None]
    for number, line in enumerate(lines, 1):
        unit, quantity, per = _unit(line)
        yield {
            "session": session["id"],
            "row": number,
            "at": session.get("ended_at") or session["started_at"],
            "principal": session["principal"],
            "route": session["route"],
            "provider": session["provider"],
            "model": line.get("model") or session["model"],
            "item": line["item"],
            "unit": unit,
            "quantity": quantity,
            "price": line["rate"],
            "per": per,
            "source": line.get("source", cost.get("source", "")),
            "date": line.get("date", cost.get("date", "")),
            "cost": line["usd"],
            "note": line.get("note", ""),
        }


def merged(costs: Iterable[Record]) -> list[dict[str, Any]]:
    """The lines of several costs, one for each item at the same price."""
    made: dict[tuple[Any, ...], dict[str, Any]] = {}
    for line in (line for cost in costs for line in cost.get("lines") or ()):
        before = made.setdefault(tuple(line.get(name) for name in _SAME), {**line, "quantity": 0, "usd": None})
        before["quantity"] += line.get("quantity") or 0
        if line.get("usd") is not None:
            before["usd"] = (before["usd"] or 0) + line["usd"]
    return list(made.values())


def _unit(line: Record) -> tuple[str, int | float, int]:
    """Unit, quantity in it, and how many of it the price is for."""
    unit, quantity, per = line["unit"], line["quantity"], line["per"]
    if unit == "second" and per in _LONGER:
        return _LONGER[per], round(quantity / per, 9), 1
    return unit, quantity, per
