"""The account of a session: each billable event once, time by time, what is unpriced beside what is priced."""

from __future__ import annotations

from datetime import UTC
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from turn_talk import Talk

from realtime.cost import Seconds
from realtime.ledger import MAX_IDS
from realtime.ledger import Ledger
from realtime.ledger import Row
from realtime.prices import PriceBook
from realtime.signals import AudioIn
from realtime.signals import InputCommitted
from realtime.signals import InputTranscript
from realtime.signals import ResponseFinished
from realtime.signals import ResponseStarted
from realtime.signals import SessionConfig
from realtime.signals import UsageReport
from realtime.signals import UserItem
from realtime.usage import Usage
from rules.model import Price

TURN = Usage(
    total_tokens=150, input_tokens=100, output_tokens=50, input_text=20, input_audio=80, cached_audio=30, output_text=10, output_audio=40
)
TURN_USD = (20 * 4 + 50 * 32 + 30 * Decimal("0.4") + 10 * 16 + 40 * 64) / Decimal(1_000_000)
QUIET = Seconds()


def ledger(kind: str = "openai", model: str | None = None, **options: Any) -> Ledger:
    prices = options.pop("prices", {})
    book = PriceBook({name: Price(**price) for name, price in prices.items()}, now=lambda: datetime(2026, 11, 21, tzinfo=UTC))
    return Ledger(book, kind, model, **options)


def opened(account: Ledger, **config: Any) -> Ledger:
    account.apply(SessionConfig(True, **config))
    return account


@pytest.fixture
def account() -> Ledger:
    return opened(ledger(), model="gpt-realtime", transcription_model="gpt-4o-transcribe")


# -- events -------------------------------------------------------------------------------------------------------------


def test_turns_add_up_and_a_later_one_overwrites_none(account: Ledger) -> None:
    rows = [account.apply(ResponseFinished(f"r{n}", usage=TURN)) for n in range(3)]
    usage, cost = account.totals(QUIET)
    assert usage == TURN + TURN + TURN
    assert (cost.usd, cost.priced) == (3 * TURN_USD, True)
    assert [row and (row.what, row.id, row.model, row.cost.usd) for row in rows] == [
        ("response", f"r{n}", "gpt-realtime", TURN_USD) for n in range(3)
    ]


def test_the_same_response_on_two_sockets_counts_once(account: Ledger) -> None:
    assert account.apply(ResponseFinished("r1", usage=TURN)) is not None
    assert account.apply(ResponseFinished("r1", usage=TURN)) is None
    assert account.totals(QUIET)[0] == TURN


@pytest.mark.parametrize("status", ["cancelled", "failed", "incomplete"])
def test_every_status_bills(account: Ledger, status: Any) -> None:
    account.apply(ResponseFinished("r1", status, usage=TURN))
    assert account.totals(QUIET)[1].usd == TURN_USD


def test_answers_without_ids_are_each_an_event(account: Ledger) -> None:
    for _ in range(2):
        account.apply(ResponseFinished(None, usage=TURN))
    assert account.totals(QUIET)[0] == TURN + TURN


def test_an_answer_without_usage_is_no_event(account: Ledger) -> None:
    assert account.apply(ResponseFinished("r1")) is None
    assert account.rows == 0
    assert account.totals(QUIET)[1].usd == 0


def test_transcription_is_billed_at_the_price_of_its_own_model(account: Ledger) -> None:
    heard = Usage(total_tokens=17, input_tokens=14, output_tokens=3, input_audio=14, output_text=3)
    account.apply(ResponseFinished("r1", usage=TURN))
    row = account.apply(InputTranscript("i1", "hi", final=True, usage=heard))
    assert account.apply(InputTranscript("i1", "hi", final=True, usage=heard)) is None
    assert isinstance(row, Row)
    assert (row.what, row.model, row.cost.usd) == ("transcription", "gpt-4o-transcribe", (14 * 6 + 3 * 10) / Decimal(1_000_000))
    usage, cost = account.totals(QUIET)
    assert usage == TURN + heard
    assert row.cost.usd is not None
    assert cost.usd == TURN_USD + row.cost.usd


def test_a_response_and_a_transcript_of_the_same_id_are_two_events(account: Ledger) -> None:
    account.apply(ResponseFinished("x", usage=TURN))
    account.apply(InputTranscript("x", "hi", final=True, usage=TURN))
    assert account.rows == 2


def test_usage_of_delegated_work_is_billed_at_the_model_that_did_it() -> None:
    account = opened(ledger(), model="gpt-live-1", kind="live")
    work = Usage(total_tokens=20, input_tokens=10, output_tokens=10, input_text=10, output_text=10)
    account.apply(UsageReport(work, id="resp_1", model="gpt-4o"))
    account.apply(UsageReport(work, id="resp_1", model="gpt-4o"))
    assert account.rows == 1
    cost = account.totals(Seconds(wall=60))[1]
    assert {line.item for line in cost.lines} == {"session", "text_in", "text_out"}


# -- time ---------------------------------------------------------------------------------------------------------------


def test_cumulative_seconds_replace_each_other() -> None:
    account = opened(ledger(), model="gpt-live-1", kind="live")
    for seconds in (10.0, 20.0, 31.2):
        account.apply(UsageReport(Usage(seconds=seconds), cumulative=True))
    usage, cost = account.totals(Seconds(wall=99))
    assert (usage.seconds, cost.usd) == (31.2, Decimal("0.026"))


def test_a_connection_is_billed_by_the_clock_and_its_tokens_are_not() -> None:
    account = opened(ledger("xai"), model="grok-voice-3.0")
    account.apply(ResponseFinished("r1", usage=TURN))
    assert account.totals(Seconds(wall=60))[1].usd == Decimal("0.08")
    usage, cost = account.totals(Seconds(wall=120))
    assert (usage, cost.usd, cost.priced) == (TURN, Decimal("0.16"), True)


def test_text_messages_count_once_though_the_provider_echoes_them() -> None:
    account = opened(ledger("xai"), model="grok-voice-3.0")
    for item in (UserItem(None, "hi"), UserItem("i1", "hi"), UserItem("i1", "hi"), UserItem("i2", "two"), UserItem("i3", "", spoken=True)):
        account.apply(item)
    assert {line.item: line.quantity for line in account.totals(Seconds(wall=60))[1].lines} == {"messages": 2, "connection": 60}


def test_translation_is_billed_by_what_was_heard() -> None:
    account = opened(ledger(model="gpt-realtime-translate"), kind="translation")
    assert account.totals(Seconds(wall=100, audio_in=60))[1].usd == Decimal("0.034")


def test_transcription_by_reported_seconds_else_by_what_was_heard() -> None:
    silent = opened(ledger(), kind="transcription", transcription_model="gpt-realtime-whisper")
    assert silent.totals(Seconds(audio_in=60))[1].usd == Decimal("0.017")
    reporting = opened(ledger(), kind="transcription", transcription_model="gpt-realtime-whisper")
    reporting.apply(InputTranscript("i1", "a", final=True, usage=Usage(seconds=30)))
    reporting.apply(InputTranscript("i2", "b", final=True, usage=Usage(seconds=30)))
    usage, cost = reporting.totals(Seconds(audio_in=300))
    assert (usage.seconds, cost.usd) == (60, Decimal("0.017"))


def test_a_transcription_by_tokens_that_reports_none_is_unpriced() -> None:
    account = opened(ledger(), kind="transcription", transcription_model="gpt-4o-transcribe")
    assert account.totals(QUIET)[1].usd == 0
    assert (account.totals(Seconds(audio_in=60))[1].usd, account.totals(Seconds(audio_in=60))[1].priced) == (None, False)


def test_tokens_that_the_provider_keeps_to_itself_make_the_cost_partial() -> None:
    account = opened(ledger("elevenlabs"), model="eleven_realtime_v1_mini")
    cost = account.totals(Seconds(wall=60))[1]
    assert (cost.usd, cost.partial) == (Decimal("0.08"), True)
    account.apply(ResponseFinished("r1", usage=TURN))
    assert account.totals(Seconds(wall=60))[1].priced


def test_an_operators_price_by_time_counts_though_tokens_are_reported() -> None:
    account = opened(ledger("zai", prices={"glm-realtime": {"audio_in": 0.06, "per": "minute"}}), model="glm-realtime")
    account.apply(ResponseFinished("r1", usage=TURN))
    assert account.totals(Seconds(audio_in=30))[1].usd == Decimal("0.03")


# -- models and what is not priced --------------------------------------------------------------------------------------


def test_unpriced_and_priced_parts_stand_side_by_side() -> None:
    account = opened(ledger(), model="gpt-realtime", transcription_model="brand-new-asr")
    account.apply(ResponseFinished("r1", usage=TURN))
    account.apply(InputTranscript("i1", "hi", final=True, usage=Usage(total_tokens=5, input_tokens=5)))
    usage, cost = account.totals(QUIET)
    assert (cost.usd, cost.priced, cost.partial) == (TURN_USD, False, True)
    assert usage.total_tokens == 155


def test_an_unknown_model_is_unpriced_with_and_without_usage() -> None:
    account = opened(ledger(), model="brand-new")
    assert account.totals(Seconds(wall=60))[1].usd is None
    account.apply(ResponseFinished("r1", usage=TURN))
    assert (account.totals(QUIET)[1].usd, account.totals(QUIET)[1].priced) == (None, False)


def test_no_model_at_all_is_unpriced() -> None:
    assert ledger().totals(Seconds(wall=1))[1].record()["usd"] is None


def test_a_deployment_is_billed_as_the_model_it_runs() -> None:
    account = ledger("azure", "rt-prod-eu", aliases={"rt-prod-eu": "gpt-realtime"})
    account.apply(ResponseFinished("r1", usage=TURN))
    opened(account, model="rt-prod-eu")
    account.apply(ResponseFinished("r2", usage=TURN))
    assert account.totals(QUIET)[1].usd == 2 * TURN_USD


def test_what_the_provider_says_it_runs_is_billed_and_not_what_was_asked() -> None:
    account = ledger("openai", "gpt-realtime-mini")
    account.apply(SessionConfig(False, model="gpt-realtime-mini"))
    account.apply(SessionConfig(True, model="gpt-realtime"))
    account.apply(ResponseFinished("r1", usage=TURN))
    assert account.totals(QUIET)[1].usd == TURN_USD


# -- turns --------------------------------------------------------------------------------------------------------------


def test_the_cost_of_a_turn_includes_its_transcription(account: Ledger) -> None:
    talk = Talk()
    heard = Usage(total_tokens=17, input_tokens=14, output_tokens=3, input_audio=14, output_text=3)
    for signal in (
        SessionConfig(True, model="gpt-realtime"),
        AudioIn(1),
        InputCommitted("i1"),
        ResponseStarted("r1"),
        ResponseFinished("r1", usage=TURN),
        InputTranscript("i1", "hello", final=True, usage=heard),
        ResponseStarted("r2"),
        ResponseFinished("r2"),
    ):
        talk.upstream << signal
        account.apply(signal)
    talk.changed()
    cost = account.cost_of(talk.turns[1])
    assert cost is not None
    assert cost.usd == TURN_USD + (14 * 6 + 3 * 10) / Decimal(1_000_000)
    assert account.totals(QUIET)[1].usd == cost.usd
    assert account.cost_of(talk.turns[2]) is None
    talk.turns[1].cost = cost
    assert talk.turns[1].record(content=False)["cost"]["usd"] == float(cost.usd)


def test_the_cost_of_a_transcription_turn() -> None:
    talk, account = Talk(), ledger()
    config = SessionConfig(True, kind="transcription", transcription_model="gpt-realtime-whisper")
    for signal in (config, InputCommitted("i1"), InputTranscript("i1", "hello", final=True, usage=Usage(seconds=60))):
        talk.upstream << signal
        account.apply(signal)
    talk.changed()
    cost = account.cost_of(talk.turns[1])
    assert cost is not None
    assert cost.usd == Decimal("0.017")


# -- any order ----------------------------------------------------------------------------------------------------------

USAGE = st.builds(Usage, total_tokens=st.integers(0, 99), input_tokens=st.integers(0, 99), seconds=st.integers(0, 9).map(float))
EVENTS = st.lists(
    st.one_of(
        st.builds(ResponseFinished, st.sampled_from(["a", "b", None]), usage=st.one_of(st.none(), USAGE)),
        st.builds(InputTranscript, st.sampled_from(["a", "b", None]), st.just("x"), usage=st.one_of(st.none(), USAGE)),
        st.builds(UsageReport, USAGE, st.booleans(), st.sampled_from(["a", None])),
        st.builds(SessionConfig, st.booleans(), model=st.sampled_from([None, "gpt-realtime", "new"])),
    ),
    max_size=30,
)


@given(EVENTS)
def test_totals_are_the_sum_of_the_rows_and_the_last_cumulative_report(events: list[Any]) -> None:
    account = ledger()
    rows = [row for event in events if (row := account.apply(event)) is not None]
    reports = [event.usage for event in events if isinstance(event, UsageReport) and event.cumulative]
    usage, _ = account.totals(Seconds(wall=1))
    assert usage == sum((row.usage for row in rows), Usage()) + (reports[-1] if reports else Usage())
    named = [(row.what, row.id) for row in rows if row.id is not None]
    assert len(named) == len(set(named))


def test_memory_stays_flat_over_any_number_of_events(account: Ledger) -> None:
    for n in range(MAX_IDS + 100):
        account.apply(ResponseFinished(f"r{n}", usage=TURN))
    usage, cost = account.totals(QUIET)
    assert (usage.total_tokens, account.rows) == ((MAX_IDS + 100) * 150, MAX_IDS + 100)
    assert len(cost.lines) == 5
