"""Prices: the packaged list, the operator's overlay, every unit, and what has no price."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.cost import Cost
from realtime.cost import Line
from realtime.cost import Seconds
from realtime.cost import made_of
from realtime.prices import PriceBook
from realtime.usage import Usage
from rules.model import Price

USAGE = Usage(
    total_tokens=260,
    input_tokens=200,
    output_tokens=60,
    input_text=120,
    input_audio=80,
    cached_text=64,
    cached_audio=20,
    output_text=15,
    output_audio=45,
    reasoning=5,
)
NOVEMBER = datetime(2026, 11, 21, tzinfo=UTC)


def book(now: datetime = NOVEMBER, **overlay: dict[str, Any]) -> PriceBook:
    return PriceBook({model: Price(**price) for model, price in overlay.items()}, now=lambda: now)


def dollars(cost: Cost) -> dict[str, str]:
    return {line.item: "unpriced" if line.usd is None else f"{line.usd:f}" for line in cost.lines}


# -- the packaged list --------------------------------------------------------------------------------------------------


def test_a_speech_model_by_kind_of_token() -> None:
    cost = book().cost("openai", "gpt-realtime-2.1", USAGE)
    rates = {line.item: (line.quantity, line.rate) for line in cost.lines}
    assert rates == {
        "text_in": (Decimal(56), Decimal("4")),
        "cached_text": (Decimal(64), Decimal("0.4")),
        "audio_in": (Decimal(60), Decimal("32")),
        "cached_audio": (Decimal(20), Decimal("0.4")),
        "text_out": (Decimal(15), Decimal("24")),
        "audio_out": (Decimal(45), Decimal("64")),
    }
    assert cost.usd == (56 * 4 + 64 * Decimal("0.4") + 60 * 32 + 20 * Decimal("0.4") + 15 * 24 + 45 * 64) / Decimal(1_000_000)
    assert cost.priced
    assert cost.source.startswith("genai-prices ")
    assert "2026-01-01" < cost.date <= "2026-11-21"


def test_reasoning_is_not_billed_on_top_of_the_text_it_is_part_of() -> None:
    assert book().cost("openai", "gpt-realtime-2", USAGE).usd == book().cost("openai", "gpt-realtime-2", _without_reasoning()).usd


def _without_reasoning() -> Usage:
    return USAGE + Usage(reasoning=-USAGE.reasoning)


@pytest.mark.parametrize(
    ("kind", "model"),
    [
        ("openai", "gpt-realtime"),
        ("openai", "gpt-realtime-1.5"),
        ("openai", "gpt-realtime-mini-2025-12-15"),
        ("openai", "gpt-4o-realtime-preview-2024-12-17"),
        ("openai", "GPT-Realtime"),
        ("azure", "gpt-realtime"),
        ("gemini", "models/gemini-3.8-live"),
        ("gemini", "projects/p/locations/l/publishers/google/models/gemini-live-2.5-flash-native-audio"),
        ("gemini", "gemini-2.5-flash-native-audio-preview-12-2025"),
        ("simulator", "gpt-realtime"),
    ],
)
def test_speech_models_that_are_listed(kind: str, model: str) -> None:
    cost = book().cost(kind, model, USAGE)
    assert cost.priced
    assert cost.usd is not None
    assert cost.usd > 0
    rate = {line.item: line.rate for line in cost.lines}
    assert rate["audio_in"] != rate["text_in"]


@pytest.mark.parametrize(
    ("kind", "model"),
    [
        ("openai", "gpt-unheard-of"),
        ("bailian", "qwen3-omni-flash-realtime"),
        ("zai", "glm-realtime"),
        ("compatible", "gpt-realtime"),
        ("nobody", "gpt-realtime"),
        ("openai", ""),
        ("openai", None),
        ("gemini", "models/"),
    ],
)
def test_an_unknown_price_reads_unpriced_and_never_zero(kind: str, model: str | None) -> None:
    cost = book().cost(kind, model, USAGE, Seconds(wall=60, audio_in=30))
    assert (cost.usd, cost.priced) == (None, False)
    assert cost.record()["usd"] is None


def test_nothing_used_of_a_known_model_costs_nothing() -> None:
    assert book().cost("openai", "gpt-realtime", Usage()).usd == 0


def test_tokens_of_no_named_kind_have_no_price_where_the_kinds_differ() -> None:
    bare = Usage(total_tokens=30, input_tokens=20, output_tokens=10)
    cost = book().cost("openai", "gpt-realtime", bare)
    assert (cost.usd, cost.priced) == (None, False)
    assert [(line.item, line.quantity, line.usd) for line in cost.lines] == [("input", 20, None), ("output", 10, None)]
    assert book().cost("elevenlabs", "eleven_realtime_v1_mini", bare).usd == (20 * Decimal("0.2") + 10 * 6) / 1_000_000


def test_what_named_kinds_leave_over_counts_as_text() -> None:
    cost = book().cost("openai", "gpt-realtime", Usage(input_tokens=30, input_audio=20))
    assert dollars(cost) == {"text_in": "0.00004", "audio_in": "0.00064"}


def test_a_price_that_changed_on_a_day_is_the_one_of_today() -> None:
    minute = Seconds(wall=60)
    before = book(datetime(2026, 8, 4, tzinfo=UTC)).cost("xai", "grok-voice-latest", Usage(), minute)
    after = book(datetime(2026, 8, 5, tzinfo=UTC)).cost("xai", "grok-voice-latest", Usage(), minute)
    assert (before.usd, after.usd, after.date) == (Decimal("0.05"), Decimal("0.08"), "2026-08-05")


# -- by time ------------------------------------------------------------------------------------------------------------


def test_xai_by_the_clock_of_the_connection_and_by_text_message() -> None:
    cost = book().cost("xai", "grok-voice-3.0", USAGE + Usage(messages=2, seconds=3), Seconds(wall=90, audio_in=10))
    assert dollars(cost) == {"messages": "0.008", "connection": "0.12"}
    assert cost.usd == Decimal("0.128")


def test_an_event_of_a_model_by_time_costs_nothing_of_its_own() -> None:
    cost = book().cost("xai", "grok-voice-3.0", USAGE)
    assert (cost.usd, cost.priced, cost.partial, cost.lines) == (None, True, False, ())


def test_live_by_the_providers_seconds_else_by_the_clock() -> None:
    assert book().cost("openai", "gpt-live-1", Usage(seconds=31.2), Seconds(wall=40)).usd == Decimal("0.026")
    assert book().cost("openai", "gpt-live-1", Usage(), Seconds(wall=60)).usd == Decimal("0.05")


@pytest.mark.parametrize(
    ("model", "minute"), [("gpt-realtime-whisper", "0.017"), ("gpt-realtime-translate", "0.034"), ("whisper-1", "0.006")]
)
def test_hearing_models_by_reported_seconds_else_by_what_was_heard(model: str, minute: str) -> None:
    reported = book().cost("openai", model, Usage(seconds=60))
    measured = book().cost("openai", model, Usage(), Seconds(wall=300, audio_in=60))
    assert reported.usd == measured.usd == Decimal(minute)


def test_elevenlabs_by_connection_and_token() -> None:
    text = Usage(input_tokens=1_000_000, input_text=1_000_000, cached_text=500_000)
    cost = book().cost("elevenlabs", "eleven_realtime_v1_max", text, Seconds(wall=60))
    assert dollars(cost) == {"text_in": "0.9", "cached_text": "0.09", "connection": "0.08"}


# -- the overlay --------------------------------------------------------------------------------------------------------


def test_an_overlay_prices_what_is_not_listed_and_says_whose_price_it_is() -> None:
    own = {"audio_in": 3.0, "audio_out": 12.0, "per": "1M", "source": "operator, 2026-11"}
    cost = book(**{"Qwen3-Omni-Flash-Realtime": own}).cost(
        "compatible", "qwen3-omni-flash-realtime", Usage(input_audio=100, input_tokens=100)
    )
    assert (cost.usd, cost.source) == (Decimal("0.0003"), "rules: operator, 2026-11")


def test_an_overlay_that_names_no_rate_for_something_used_is_a_partial_cost() -> None:
    cost = book(m={"audio_in": 3.0, "audio_out": 12.0}).cost("zai", "m", USAGE)
    assert (cost.priced, cost.partial) == (False, True)
    assert dollars(cost)["text_out"] == "unpriced"
    assert cost.usd == (80 * 3 + 45 * 12) / Decimal(1_000_000)


def test_cached_tokens_without_a_rate_of_their_own_cost_as_much_as_fresh_ones() -> None:
    cost = book(m={"audio_in": 1.0, "cached_text": 0.1, "text_in": 1.0, "text_out": 1, "audio_out": 1, "per": "1K"}).cost("zai", "m", USAGE)
    assert dollars(cost) == {
        "text_in": "0.056",
        "cached_text": "0.0064",
        "audio_in": "0.06",
        "cached_audio": "0.02",
        "text_out": "0.015",
        "audio_out": "0.045",
    }


def test_an_overlay_in_tokens_replaces_listed_rates_one_by_one() -> None:
    cost = book(**{"gpt-realtime": {"audio_in": 20.0, "source": "contract"}}).cost("openai", "gpt-realtime", USAGE)
    rates = {line.item: line.rate for line in cost.lines}
    assert (rates["audio_in"], rates["text_in"], rates["cached_audio"]) == (20, 4, Decimal("0.4"))
    assert cost.source.startswith("rules: contract; genai-prices ")


@pytest.mark.parametrize(("per", "amount"), [("second", "0.5"), ("minute", "30"), ("hour", "1800")])
def test_an_overlay_by_time(per: str, amount: str) -> None:
    price = {"session": float(amount), "audio_in": float(amount), "audio_out": float(amount), "per": per}
    cost = book(m=price).cost("zai", "m", USAGE, Seconds(wall=60, audio_in=10, audio_out=4))
    assert {item: Decimal(usd) for item, usd in dollars(cost).items()} == {"connection": 30, "audio_in": 5, "audio_out": 2}


def test_an_overlay_by_time_replaces_the_listed_tokens() -> None:
    cost = book(**{"gpt-realtime": {"session": 0.1, "per": "minute"}}).cost("openai", "gpt-realtime", USAGE, Seconds(wall=60))
    assert dollars(cost) == {"connection": "0.1"}


def test_an_overlay_by_message() -> None:
    prices = book(m={"text_in": 0.004, "per": "message"})
    assert prices.cost("xai", "m", Usage(messages=3)).usd == Decimal("0.012")
    assert (prices.cost("xai", "m", USAGE).usd, prices.cost("xai", "m", USAGE).priced) == (None, True)


def test_bailian_gives_text_away_beside_audio() -> None:
    prices = book(q={"text_in": 1, "audio_in": 1, "text_out": 1, "audio_out": 1, "per": "1K"})
    free = next(line for line in prices.cost("bailian", "q", USAGE).lines if line.item == "text_out")
    assert (free.usd, free.note) == (0, "free beside audio")
    assert prices.cost("bailian", "q", Usage(output_tokens=15, output_text=15)).usd == Decimal("0.015")
    assert dollars(prices.cost("zai", "q", USAGE))["text_out"] == "0.015"


# -- costs --------------------------------------------------------------------------------------------------------------

LINES = st.lists(
    st.builds(Line, st.sampled_from("ab"), st.integers(0, 99).map(Decimal), st.just("token"), st.sampled_from([None, Decimal(2)]))
)
COSTS = st.builds(made_of, LINES.map(tuple), st.sampled_from(["", "list"]), st.sampled_from(["", "2026-11-21"]))


@given(COSTS, COSTS)
def test_a_sum_keeps_the_priced_part_and_says_when_something_is_missing(one: Cost, other: Cost) -> None:
    both = one + other
    known = [cost.usd for cost in (one, other) if cost.usd is not None]
    assert both.usd == (sum(known, Decimal()) if known else None)
    assert both.priced == (one.priced and other.priced)
    assert sum(line.quantity for line in both.lines) == sum(line.quantity for line in one.lines + other.lines)


def test_a_sum_of_priced_and_unpriced_shows_both() -> None:
    mixed = book().cost("openai", "gpt-realtime", USAGE) + book().cost("openai", "gpt-unheard-of", USAGE)
    record = mixed.record()
    assert (record["priced"], record["partial"]) == (False, True)
    assert record["usd"] > 0


# -- offline ------------------------------------------------------------------------------------------------------------


def test_prices_are_read_without_opening_a_socket_and_without_a_thread() -> None:
    script = """
import socket, threading
from datetime import UTC, datetime
def refuse(*a, **k): raise AssertionError("a socket was opened")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
from realtime.prices import PriceBook
from realtime.usage import Usage
assert PriceBook(now=lambda: datetime.now(UTC)).cost("openai", "gpt-realtime", Usage(input_tokens=1, input_text=1)).priced
assert threading.active_count() == 1, threading.enumerate()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
