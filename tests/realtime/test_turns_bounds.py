"""Turns under load and in any order: nothing raises, every answer ends once, every bound holds."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine
from hypothesis.stateful import invariant
from hypothesis.stateful import rule
from turn_talk import Talk

from realtime.audio import PCM16_24K
from realtime.inputs import MAX_AWAITED
from realtime.inputs import MAX_PENDING
from realtime.signals import AudioIn
from realtime.signals import AudioOut
from realtime.signals import InputCommitted
from realtime.signals import InputTranscript
from realtime.signals import ProviderError
from realtime.signals import ResponseFinished
from realtime.signals import ResponseRequested
from realtime.signals import ResponseStarted
from realtime.signals import SessionConfig
from realtime.signals import SessionEnded
from realtime.signals import SpeechStarted
from realtime.signals import SpeechStopped
from realtime.signals import TextOut
from realtime.signals import ToolCall
from realtime.signals import ToolResult
from realtime.signals import Truncated
from realtime.signals import UsageReport
from realtime.signals import UserItem
from realtime.turn import MAX_TOOL_CALLS
from realtime.turnbook import MAX_OPEN
from realtime.turntext import MAX_PARTS
from realtime.turntext import Answer
from realtime.turntext import Room
from realtime.usage import Usage


def stored(record: dict[str, Any]) -> int:
    texts = [record["input"], record["output"]]
    texts += [text for call in record["tool_calls"] for text in (call["arguments"], call["result"] or "")]
    return sum(len(text.encode()) for text in texts)


# -- bounds -------------------------------------------------------------------------------------------------------------


def test_text_of_a_turn_is_cut_at_its_limit_and_marked() -> None:
    talk = Talk(text_limit=100)
    talk.client >> UserItem("i1", "ä" * 40) >> ResponseRequested()
    talk.upstream << ResponseStarted("r1")
    for _ in range(50):
        talk.upstream << TextOut("ß" * 10, response_id="r1")
    talk.upstream << ToolCall("c1", "f", "x" * 500, "r1") << ResponseFinished("r1")
    talk.client >> ToolResult("c1", "y" * 500)
    record = talk.only()
    assert record["cut"] is True
    assert stored(record) <= 100
    assert (record["input"], record["output_chars"]) == ("ä" * 40, 500)
    assert (record["tool_calls"][0]["arguments_chars"], record["tool_calls"][0]["result_chars"]) == (500, 500)


def test_a_turn_within_its_limit_is_not_marked() -> None:
    talk = Talk(text_limit=100)
    talk.upstream << ResponseStarted("r1") << TextOut("x" * 60, response_id="r1", item_id="o")
    talk.upstream << TextOut("x" * 90, response_id="r1", item_id="o", final=True) << ResponseFinished("r1", text="x" * 100)
    record = talk.only()
    assert (record["cut"], record["output"]) == (False, "x" * 100)


def test_unpaired_surrogates_become_text_that_any_log_can_store() -> None:
    talk = Talk()
    talk.client >> UserItem("i\ud800", "a\ud800b")
    talk.upstream << ResponseStarted("r\udfff") << TextOut("c\udfff", response_id="r\udfff") << ResponseFinished("r\udfff")
    record = talk.only()
    json.dumps(record, ensure_ascii=False).encode()
    assert (record["input"], record["output"]) == ("a?b", "c?")


def test_pending_items_are_bounded_and_counted() -> None:
    talk = Talk()
    for n in range(MAX_PENDING + 44):
        talk.client >> UserItem(f"i{n}", str(n))
    talk.upstream << ResponseStarted("r1") << ResponseFinished("r1")
    assert talk.only()["input"].split("\n")[0] == "44"
    assert talk.tracker.lost["inputs"] == 44


def test_open_answers_are_bounded_and_the_oldest_ends() -> None:
    talk = Talk()
    for n in range(MAX_OPEN + 3):
        talk.upstream << ResponseStarted(f"r{n}")
    assert talk.tracker.open_turns == MAX_OPEN
    assert [(r["id"], r["reason"]) for r in talk.all()] == [(f"r{n}", "too_many_open") for n in range(3)]
    assert talk.tracker.lost["responses"] == 3
    talk.upstream << ResponseFinished("r0")
    assert talk.changed() == []


def test_tool_calls_of_a_turn_are_bounded() -> None:
    talk = Talk()
    talk.upstream << ResponseStarted("r1")
    for n in range(MAX_TOOL_CALLS + 2):
        talk.upstream << ToolCall(f"c{n}", "f", "{}", "r1")
    talk.upstream << ResponseFinished("r1")
    assert len(talk.only()["tool_calls"]) == MAX_TOOL_CALLS
    assert talk.tracker.lost["tool_calls"] == 2


def test_awaited_transcripts_are_bounded_and_given_up_in_order() -> None:
    talk = Talk()
    for n in range(MAX_AWAITED + 1):
        talk.upstream << InputCommitted(f"i{n}") << ResponseStarted(f"r{n}") << ResponseFinished(f"r{n}")
    records = talk.all()
    assert [r["id"] for r in records if r["input"]] == ["r0"]
    assert records[0]["input"] == "[audio transcription unavailable]"


def test_requests_without_end_are_bounded() -> None:
    talk = Talk()
    for _ in range(100):
        talk.client >> ResponseRequested()
    assert talk.tracker.lost["requests"] == 36
    assert len(talk.close().all()) == 64


def test_parts_of_an_answer_are_bounded_but_no_text_is_lost() -> None:
    answer = Answer(Room())
    for n in range(MAX_PARTS + 50):
        answer.add("x", (f"o{n}", "text"), final=False, replace=False)
    assert answer.text == "x" * (MAX_PARTS + 50)


def test_long_ids_are_cut_but_still_tell_answers_apart_from_the_ended() -> None:
    talk = Talk()
    long = "r" * 100_000
    talk.upstream << ResponseStarted(long) << AudioOut(1, long, long) << ResponseFinished(long) << ResponseFinished(long)
    assert len(talk.only()["id"]) == 256


# -- any order ----------------------------------------------------------------------------------------------------------

IDS = st.sampled_from(["a", "b", "c", None])
TEXT = st.text(max_size=40)
USAGE = st.one_of(st.none(), st.builds(Usage, total_tokens=st.integers(0, 99), seconds=st.floats(0, 9)))
ERROR = st.builds(ProviderError, TEXT, TEXT, TEXT, IDS)
CALL = st.builds(ToolCall, st.sampled_from("xyz"), st.sampled_from(["f", ""]), TEXT, IDS)
STATUS = st.sampled_from(["completed", "cancelled", "incomplete", "failed"])
SIGNALS = st.one_of(
    st.builds(
        SessionConfig,
        st.booleans(),
        model=st.one_of(st.none(), TEXT),
        kind=st.sampled_from([None, None, None, "realtime", "transcription", "live"]),
        input_format=st.sampled_from([None, PCM16_24K]),
    ),
    st.builds(AudioIn, st.integers(0, 9999), st.sampled_from([None, PCM16_24K])),
    st.builds(AudioOut, st.integers(0, 9999), IDS, IDS, st.sampled_from([None, PCM16_24K])),
    st.builds(UserItem, IDS, TEXT, st.booleans()),
    st.builds(SpeechStarted, IDS),
    st.builds(SpeechStopped, IDS),
    st.builds(InputCommitted, IDS),
    st.builds(InputTranscript, IDS, TEXT, st.booleans(), st.booleans(), st.booleans(), USAGE),
    st.builds(ResponseRequested, IDS, out_of_band=st.booleans()),
    st.builds(ResponseStarted, IDS, st.booleans()),
    st.builds(TextOut, TEXT, st.sampled_from(["text", "transcript"]), IDS, IDS, st.booleans(), st.booleans()),
    CALL,
    st.builds(ToolResult, st.sampled_from("xyz"), TEXT),
    st.builds(ResponseFinished, IDS, STATUS, st.one_of(st.none(), TEXT), st.one_of(st.none(), ERROR), TEXT, st.tuples(CALL), USAGE),
    st.builds(ResponseFinished, IDS, continues=st.just(True), tools=st.tuples(CALL)),
    st.builds(UsageReport, st.builds(Usage), st.booleans()),
    ERROR,
    st.builds(Truncated, IDS, st.integers(0, 9999)),
    st.builds(SessionEnded),
)


class AnyOrder(RuleBasedStateMachine):
    """Signals as a confused or hostile peer may cause them."""

    def __init__(self) -> None:
        super().__init__()
        self.talk = Talk(text_limit=64)

    @rule(signal=SIGNALS, from_client=st.booleans())
    def apply(self, signal: Any, from_client: bool) -> None:
        self.talk._apply(signal, from_client=from_client)

    @rule(signals=st.lists(SIGNALS, max_size=20))
    def burst(self, signals: list[Any]) -> None:
        for signal in signals:
            self.talk._apply(signal, from_client=False)

    @invariant()
    def records_are_whole_and_bounded(self) -> None:
        for record in self.talk.changed():
            assert record["status"] != "open"
            assert record["ended_at"] is not None
            assert stored(record) <= 64
            assert all(value >= 0 for key, value in record["clocks"].items() if key != "since")
            json.dumps(record)
        assert self.talk.tracker.open_turns <= MAX_OPEN

    @invariant()
    def an_answer_ends_once(self) -> None:
        ids = [turn.key for turn in self.talk.turns.values() if isinstance(turn.key, str)]
        assert len(ids) == len(set(ids))

    def teardown(self) -> None:
        self.talk.close("proxy_closed")
        self.records_are_whole_and_bounded()
        self.an_answer_ends_once()
        assert self.talk.tracker.open_turns == 0
        assert not any(turn.inputs and any(item.awaited for item in turn.inputs) for turn in self.talk.turns.values())


AnyOrder.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestAnyOrder = AnyOrder.TestCase
