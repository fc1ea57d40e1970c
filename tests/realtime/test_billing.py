"""Billing rows of a record: units as they are priced, unknown prices as such, and sums that are those of the session."""

from __future__ import annotations

from datetime import UTC
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.billing import merged
from realtime.billing import rows
from realtime.cost import Cost
from realtime.cost import Line
from realtime.cost import Seconds
from realtime.cost import made_of
from realtime.ledger import MAX_MODELS
from realtime.ledger import Ledger
from realtime.prices import PriceBook
from realtime.signals import InputTranscript
from realtime.signals import ResponseFinished
from realtime.signals import SessionConfig
from realtime.signals import UserItem
from realtime.usage import Usage
from rules.model import Price

TURN = Usage(total_tokens=150, input_tokens=100, output_tokens=50, input_text=20, input_audio=80, cached_audio=30, output_audio=50)
CONTRACT = {"session", "at", "principal", "route", "provider", "model", "unit", "quantity", "price", "source", "cost"}


def record(cost: Cost | None, **more: Any) -> dict[str, Any]:
    made = {"id": "ses_1", "started_at": "2026-11-21T09:00:00.000Z", "ended_at": "2026-11-21T09:01:00.000Z", "principal": "kiosk"}
    return {**made, "route": None, "provider": "openai", "model": "gpt-realtime", "cost": cost and cost.record(), **more}


def ledger(kind: str = "openai", model: str = "gpt-realtime", **prices: dict[str, Any]) -> Ledger:
    book = PriceBook({name: Price(**price) for name, price in prices.items()}, now=lambda: datetime(2026, 11, 21, tzinfo=UTC))
    return Ledger(book, kind, model)


def billed(account: Ledger, wall: float = 0.0) -> list[dict[str, Any]]:
    return list(rows(record(account.totals(Seconds(wall=wall))[1])))


def test_each_kind_of_token_has_its_row_with_its_model_and_price() -> None:
    account = ledger()
    account.apply(SessionConfig(True, model="gpt-realtime", transcription_model="gpt-4o-transcribe"))
    account.apply(ResponseFinished("r1", usage=TURN))
    account.apply(ResponseFinished("r2", usage=TURN))
    account.apply(InputTranscript("i1", "Hello", usage=Usage(total_tokens=10, input_tokens=10, input_audio=10)))
    found = billed(account)
    assert all(row.keys() >= CONTRACT for row in found)
    assert [row["row"] for row in found] == list(range(1, len(found) + 1))
    named = {(row["model"], row["item"]): (row["quantity"], row["price"], row["per"]) for row in found}
    assert named["gpt-realtime", "audio_in"] == (100, 32.0, 1_000_000)
    assert named["gpt-realtime", "cached_audio"] == (60, 0.4, 1_000_000)
    assert named["gpt-4o-transcribe", "audio_in"][0] == 10
    assert {row["source"].partition(" ")[0] for row in found} == {"genai-prices"}
    assert sum(row["cost"] for row in found) == pytest.approx(float(account.totals(Seconds())[1].usd or 0))


@pytest.mark.parametrize(("per", "unit", "quantity"), [("second", "second", 90), ("minute", "minute", 1.5), ("hour", "hour", 0.025)])
def test_time_is_billed_in_the_unit_of_its_price(per: str, unit: str, quantity: float) -> None:
    account = ledger(model="glm", glm={"session": 0.6, "per": per, "source": "contract"})
    (row,) = billed(account, wall=90)
    assert (row["item"], row["unit"], row["quantity"], row["price"], row["per"]) == ("connection", unit, quantity, 0.6, 1)
    assert (row["source"], row["cost"]) == ("rules: contract", pytest.approx(quantity * 0.6))


def test_messages_are_billed_one_by_one() -> None:
    account = ledger(model="chat", chat={"text_in": 0.01, "per": "message"})
    for number in range(3):
        account.apply(UserItem(f"i{number}", text="Hello"))
    (row,) = billed(account)
    assert (row["unit"], row["quantity"], row["cost"]) == ("message", 3, pytest.approx(0.03))


def test_what_has_no_price_is_there_without_one() -> None:
    account = ledger(kind="compatible", model="home-made")
    account.apply(ResponseFinished("r1", usage=TURN))
    found = billed(account)
    assert {row["item"]: row["quantity"] for row in found} == {"text_in": 20, "audio_in": 50, "cached_audio": 30, "audio_out": 50}
    assert {(row["price"], row["cost"], row["model"]) for row in found} == {(None, None, "home-made")}


def test_a_call_that_is_only_signalled_is_one_row_without_a_price() -> None:
    line = Line("call", Decimal(1), "call", None, note="what it uses does not show here")
    (row,) = rows(record(Cost(None, False, lines=(line,))))
    assert (row["unit"], row["quantity"], row["cost"], row["note"]) == ("call", 1, None, "what it uses does not show here")


def test_a_session_that_used_nothing_has_no_row() -> None:
    assert list(rows(record(made_of((), "list", "")))) == []
    assert list(rows(record(None))) == []


def test_models_beyond_what_is_told_apart_are_billed_all_the_same() -> None:
    """A provider that names ever new models fills no memory."""
    account = ledger(kind="compatible", model="first")
    for number in range(10 * MAX_MODELS):
        account.apply(ResponseFinished(f"r{number}", model=f"model-{number}", usage=Usage(total_tokens=1, input_tokens=1, input_text=1)))
    found = billed(account)
    assert len(found) <= MAX_MODELS + 1
    assert sum(row["quantity"] for row in found) == 10 * MAX_MODELS


def test_a_record_from_before_lines_named_their_model_is_read() -> None:
    old = {"item": "text_in", "quantity": 5, "unit": "token", "rate": 4.0, "per": 1_000_000, "usd": 0.00002}
    cost = {"usd": 0.00002, "priced": True, "partial": False, "source": "list", "date": "2026-01-01", "lines": [old]}
    (row,) = rows({**record(None), "cost": cost})
    assert (row["model"], row["source"], row["date"]) == ("gpt-realtime", "list", "2026-01-01")


AMOUNTS = st.tuples(st.sampled_from(["text_in", "audio_out"]), st.integers(0, 10_000), st.sampled_from([None, Decimal(4), Decimal(32)]))


@given(st.lists(st.lists(AMOUNTS, max_size=5), max_size=6))
def test_lines_of_several_costs_add_up_to_what_one_cost_would_say(several: list[list[tuple[str, int, Decimal | None]]]) -> None:
    costs = [made_of(tuple(Line(item, Decimal(n), "token", rate, 1_000_000) for item, n, rate in lines), "", "") for lines in several]
    nothing = made_of((), "", "")
    together = sum(costs, nothing + nothing).record() if costs else nothing.record()
    found = merged(cost.record() for cost in costs)

    def plain(lines: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
        return sorted((line["item"], line["rate"] or 0, line["quantity"]) for line in lines if line["quantity"])

    assert plain(found) == plain(together["lines"])
    assert sum(line["usd"] or 0 for line in found) == pytest.approx(together["usd"] or 0)
