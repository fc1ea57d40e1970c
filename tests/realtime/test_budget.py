"""Budgets and rates on a clock of the test's own: periods turn over, sessions race, clocks are set back."""

from __future__ import annotations

import math
from datetime import UTC
from datetime import datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.budget import NOTHING
from realtime.budget import Account
from realtime.budget import Amounts
from realtime.budget import Window
from realtime.budget import share_since
from rules.access import Budget

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp()
"""A Saturday."""
HOUR, DAY, WEEK = 3600.0, 86400.0, 604800.0


def account(now: float = NOON, **amounts: object) -> Account:
    return Account(Budget.model_validate(amounts), now)


def test_what_several_sessions_use_adds_up_and_is_counted_once() -> None:
    shared = account(tokens=100)
    for tokens in (10, 25, 25, 40):
        shared.observe("one", Amounts(tokens=tokens), NOON)
    shared.observe("two", Amounts(tokens=30), NOON)
    assert (shared.used.tokens, shared.level(NOON).spent) == (70, False)
    shared.forget("one")
    shared.observe("two", Amounts(tokens=60), NOON)
    assert (shared.used.tokens, shared.level(NOON).spent) == (100, True)


def test_the_amount_that_is_nearest_to_its_end_counts() -> None:
    several = account(usd=10.0, tokens=1000, audio="1h", wall="2h")
    several.add(Amounts(usd=5, tokens=700, audio=0, wall=1000), NOON)
    assert str(several.level(NOON)) == "700 of 1000 tokens"
    several.add(Amounts(usd=4.5), NOON)
    assert str(several.level(NOON)) == "9.5 of 10 USD"
    several.add(Amounts(audio=3600.04), NOON)
    assert str(several.level(NOON)) == "3600 of 3600 s of audio"
    assert several.level(NOON).spent


@pytest.mark.parametrize(
    ("per", "began", "left"),
    [
        ("1h", datetime(2026, 11, 21, 12, tzinfo=UTC), HOUR - 600),
        ("1d", datetime(2026, 11, 21, tzinfo=UTC), DAY / 2 - 600),
        ("1w", datetime(2026, 11, 16, tzinfo=UTC), 2 * DAY - DAY / 2 - 600),
        ("90m", datetime(2026, 11, 21, 12, tzinfo=UTC), 5400 - 600),
    ],
)
def test_periods_are_those_of_the_clock(per: str, began: datetime, left: float) -> None:
    found = account(usd=1.0, per=per)
    assert found.since() == began.timestamp()
    assert found.anew_in(NOON + 600) == left


def test_a_budget_without_a_period_never_starts_anew() -> None:
    once = account(tokens=5)
    once.add(Amounts(tokens=5), NOON)
    assert once.level(NOON + 1000 * WEEK).spent
    assert (once.since(), once.anew_in(NOON)) == (0, None)


def test_a_period_counts_only_what_was_used_in_it() -> None:
    hourly = account(wall="10m", per="1h")
    hourly.observe("long", Amounts(wall=500), NOON + HOUR - 1)
    assert hourly.first("warned", NOON + HOUR - 1)
    assert not hourly.first("warned", NOON + HOUR - 1)
    hourly.observe("long", Amounts(wall=501.5), NOON + HOUR + 0.5)
    assert hourly.used == Amounts(wall=1.5)
    assert hourly.first("warned", NOON + HOUR + 0.5)
    assert hourly.level(NOON + 2 * HOUR).used == 0


def test_a_clock_that_is_set_back_does_not_begin_a_period_again() -> None:
    hourly = account(tokens=10, per="1h")
    hourly.add(Amounts(tokens=10), NOON + 1)
    assert hourly.level(NOON - 5).spent
    hourly.add(Amounts(tokens=1), NOON - 5)
    assert hourly.used.tokens == 11


def test_a_total_that_shrinks_is_taken_back() -> None:
    """A session by time turns out to be billed by what its provider reports."""
    money = account(usd=1.0)
    money.observe("one", Amounts(usd=0.5), NOON)
    money.observe("one", Amounts(usd=0.2), NOON)
    assert money.used.usd == pytest.approx(0.2)


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0, 50), st.floats(0, 400)), max_size=60))
def test_all_periods_together_have_what_all_sessions_used(looks: list[tuple[int, float, float]]) -> None:
    budget, now, totals, counted = account(usd=1e9, per="5m"), NOON, [0.0] * 4, 0.0
    for session, usd, later in looks:
        now += later
        totals[session] += usd
        if budget.since(math.floor((now - budget.since(0)) / 300)) > budget.since():
            counted += budget.used.usd
        budget.observe(str(session), Amounts(usd=totals[session]), now)
    assert counted + budget.used.usd == pytest.approx(sum(totals))


@given(st.lists(st.floats(0, 30), max_size=200), st.integers(1, 8))
def test_no_window_ever_holds_more_than_are_allowed(gaps: list[float], count: int) -> None:
    window, now, taken = Window(), NOON, []
    for gap in gaps:
        now += gap
        if (wait := window.wait(count, 60, now)) == 0:
            window.take(now)
            taken.append(now)
        else:
            assert 0 < wait <= 60
            assert window.wait(count, 60, now + wait) == 0 or wait < 1e-6
            now += wait
    assert all(later - earlier >= 60 - 1e-6 for earlier, later in zip(taken, taken[count:], strict=False))
    assert all(earlier <= later for earlier, later in pairwise(taken))


def test_the_wait_is_until_the_oldest_falls_out() -> None:
    window = Window()
    for at in (0, 10, 20):
        assert window.wait(3, 60, NOON + at) == 0
        window.take(NOON + at)
    assert window.wait(3, 60, NOON + 30) == 30
    assert window.wait(2, 60, NOON + 30) == 40, "fewer are allowed now"
    assert window.wait(3, 60, NOON + 60) == 0


def test_a_clock_that_is_set_back_locks_nobody_out() -> None:
    window = Window()
    window.take(NOON)
    assert window.wait(1, 60, NOON - HOUR) == 0


@pytest.mark.parametrize(
    ("started", "ended", "since", "share"),
    [(10, 20, 5, 1.0), (10, 20, 10, 1.0), (10, 20, 15, 0.5), (10, 20, 20, 0.0), (10, 20, 30, 0.0), (10, 10, 10, 1.0), (10, 10, 11, 0.0)],
)
def test_a_session_from_before_the_period_counts_by_its_time_in_it(started: float, ended: float, since: float, share: float) -> None:
    assert share_since(started, ended, since) == share
    assert Amounts(usd=4).times(share) == (Amounts(usd=4 * share) if share else NOTHING)
