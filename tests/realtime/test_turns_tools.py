"""Tool calls of turns: parallel calls, results that come later, answers that pause for a result."""

from __future__ import annotations

import pytest
from turn_talk import Talk

from realtime.signals import AudioOut
from realtime.signals import InputTranscript
from realtime.signals import ResponseFinished
from realtime.signals import ResponseRequested
from realtime.signals import ResponseStarted
from realtime.signals import TextOut
from realtime.signals import ToolCall
from realtime.signals import ToolResult
from realtime.signals import UserItem
from realtime.usage import Usage


@pytest.fixture
def talk() -> Talk:
    return Talk()


def test_a_tool_turn_is_two_answers_linked_by_the_call(talk: Talk) -> None:
    call = ToolCall("c1", "lookup_order", '{"id": 7}', "r1")
    talk.client >> UserItem("i1", "where is it?") >> ResponseRequested()
    talk.upstream << ResponseStarted("r1") << call << ResponseFinished("r1", tools=(call,))  # called at 0.3
    talk.changed()
    talk.client >> ToolResult("c1", '{"where": "here"}')  # 0.5
    (amended,) = talk.changed()
    assert amended["tool_calls"] == [
        {
            "call_id": "c1",
            "name": "lookup_order",
            "arguments": '{"id": 7}',
            "arguments_chars": 9,
            "result": '{"where": "here"}',
            "result_chars": 17,
            "called_ms": 200.0,
            "result_ms": 200.0,
        }
    ]
    talk.upstream << ToolResult("c1", '{"where": "here"}')
    talk.client >> ResponseRequested()
    talk.upstream << ResponseStarted("r2") << TextOut("It is here.", response_id="r2") << ResponseFinished("r2")
    asked, told = talk.all()
    assert (asked["trigger"], told["trigger"]) == ("client", "tool")
    assert (told["output"], told["input"], told["tool_calls"]) == ("It is here.", "", [])
    assert talk.tracker.lost["tool_results"] == 0


def test_parallel_calls_are_all_kept_and_each_gets_its_result(talk: Talk) -> None:
    talk.upstream << ResponseStarted("r1") << ToolCall("c1", "a", "1", "r1") << ToolCall("c2", "b", "2", "r1")
    talk.upstream << ResponseFinished("r1", tools=(ToolCall("c2", "b", "2"), ToolCall("c3", "c", "3")))
    talk.client >> ToolResult("c3", "three") >> ToolResult("c1", "one")
    calls = talk.only()["tool_calls"]
    assert [(c["call_id"], c["arguments"], c["result"]) for c in calls] == [("c1", "1", "one"), ("c2", "2", None), ("c3", "3", "three")]


def test_unnamed_calls_are_skipped_and_complete_arguments_win(talk: Talk) -> None:
    talk.upstream << ResponseStarted("r1") << ToolCall("c0", "", "{}", "r1") << ToolCall("c1", "f", "", "r1")
    talk.upstream << ResponseFinished("r1", tools=(ToolCall("c1", "f", '{"x":1}'),))
    assert [(c["call_id"], c["arguments"]) for c in talk.only()["tool_calls"]] == [("c1", '{"x":1}')]


def test_a_result_of_an_unknown_call_is_counted(talk: Talk) -> None:
    talk.client >> ToolResult("nobody", "x")
    assert talk.tracker.lost["tool_results"] == 1
    assert talk.close().all() == []


def test_an_answer_that_goes_on_after_the_result_is_one_turn(talk: Talk) -> None:
    part = Usage(total_tokens=10, input_tokens=8, output_tokens=2)
    talk.upstream << ResponseStarted(None) << ToolCall("f1", "look", "{}")
    talk.upstream << ResponseFinished(None, tools=(ToolCall("f1", "look", "{}"),), usage=part, continues=True)
    talk.upstream << ResponseFinished(None, usage=part)  # bookkeeping while the result is awaited
    assert talk.changed() == []
    talk.client >> ToolResult("f1", "42")
    talk.upstream << ResponseStarted(None) << AudioOut(10) << TextOut("it is 42", "transcript") << ResponseFinished(None, usage=part)
    record = talk.only()
    assert (record["output"], record["status"], record["usage"]["total_tokens"]) == ("it is 42", "completed", 30)
    assert record["tool_calls"][0]["result"] == "42"


def test_an_answer_that_talks_on_without_the_result_ends_when_it_says_so(talk: Talk) -> None:
    talk.upstream << ResponseStarted(None) << ResponseFinished(None, tools=(ToolCall("f1", "look", "{}"),), continues=True)
    talk.upstream << TextOut("one moment", "transcript") << ResponseFinished(None)
    talk.client >> ToolResult("f1", "42")
    record = talk.only()
    assert (record["output"], record["tool_calls"][0]["result"]) == ("one moment", "42")


def test_a_pause_that_a_new_question_ends(talk: Talk) -> None:
    talk.upstream << ResponseStarted(None) << ResponseFinished(None, tools=(ToolCall("f1", "look", "{}"),), continues=True)
    talk.client >> ToolResult("f1", "silent")
    talk.upstream << InputTranscript(None, "something else", final=True) << ResponseStarted(None) << ResponseFinished(None)
    first, second = talk.all()
    assert (first["status"], first["tool_calls"][0]["result"], second["input"]) == ("completed", "silent", "something else")


def test_a_pause_ends_with_a_cancellation_or_the_session(talk: Talk) -> None:
    pause = ResponseFinished(None, tools=(ToolCall("f1", "look", "{}"),), continues=True)
    talk.upstream << ResponseStarted(None) << pause << ResponseFinished(None, "cancelled", "turn_detected")
    talk.upstream << ResponseStarted(None) << pause
    assert [r["status"] for r in talk.close().all()] == ["cancelled", "interrupted"]
