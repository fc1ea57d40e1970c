"""Records of turns whose texts are stored without what policies found in them."""

from __future__ import annotations

from typing import Any

from turn_talk import Talk

from realtime.conditions import Condition
from realtime.policies import Policy
from realtime.policies.marked import Marked
from realtime.policies.trace import Trace
from realtime.signals import InputCommitted
from realtime.signals import InputTranscript
from realtime.signals import ResponseFinished
from realtime.signals import ResponseStarted
from realtime.signals import TextOut
from realtime.signals import ToolCall
from realtime.signals import ToolResult
from realtime.signals import UserItem

CARD = "4111 1111 1111 1111"
CARDS = Policy("cards", "tag", Condition(detect=("card",)), tag="card")


def marked(*kinds: Any) -> Marked:
    made = Marked()
    for kind in kinds:
        made.note(CARDS, Trace("cards", kind, stopped=False))
    return made


def stored(talk: Talk, found: Marked) -> dict[str, Any]:
    """The record of the newest turn that changed."""
    return talk.tracker.changed()[-1].record(content=True, marked=found)


def test_every_text_of_a_turn() -> None:
    talk = Talk()
    talk.client >> UserItem("i1", f"I have {CARD}.")
    talk.upstream << ResponseStarted("r1")
    for piece in ("So ", CARD[:7], CARD[7:], "?"):
        talk.upstream << TextOut(piece, "text", "r1", "o1")
    talk.upstream << ToolCall("c1", "pay", f'{{"card":"{CARD}"}}', "r1") << ResponseFinished("r1")
    talk.client >> ToolResult("c1", f"charged {CARD}")
    turn = talk.tracker.changed()[-1]
    plain = turn.record(content=True)
    assert [plain["input"], plain["output"]] == [f"I have {CARD}.", f"So {CARD}?"]
    assert turn.record(content=True, marked=Marked()) == plain
    record = turn.record(content=True, marked=marked("user_text", "model_text", "tool_arguments", "tool_result"))
    assert (record["input"], record["summary"], record["output"]) == ("I have [card].", "I have [card].", "So [card]?")
    (call,) = record["tool_calls"]
    assert (call["arguments"], call["result"]) == ('{"card":"[card]"}', "charged [card]")
    assert (record["input_chars"], record["output_chars"]) == (plain["input_chars"], plain["output_chars"])
    some = turn.record(content=True, marked=marked("tool_result"))
    assert (some["input"], some["tool_calls"][0]["result"]) == (f"I have {CARD}.", "charged [card]")
    assert "output" not in turn.record(content=False, marked=marked(None))


def test_a_transcript_is_stored_when_it_is_complete() -> None:
    talk, found = Talk(), marked("user_transcript")
    talk.client >> UserItem("i0", "Listen:")
    talk.upstream << InputCommitted("i1") << InputTranscript("i1", "It is 4111 11") << ResponseStarted("r1") << ResponseFinished("r1")
    assert stored(talk, found)["input"] == stored_input(talk) == "Listen:"
    talk.upstream << InputTranscript("i1", f"It is {CARD}", final=True, replace=True)
    assert stored(talk, found)["input"] == "Listen:\nIt is [card]"


def stored_input(talk: Talk) -> str:
    """As it is without any finding: nothing depends on what was found by then."""
    assert talk.tracker.newest is not None
    return str(talk.tracker.newest.record(content=True, marked=Marked())["input"])


def test_what_was_said_of_one_when_the_session_ends_is_stored_then() -> None:
    talk = Talk()
    talk.upstream << InputCommitted("i1") << ResponseStarted("r1") << InputTranscript("i1", "It is") << ResponseFinished("r1")
    assert stored(talk, Marked())["input"] == ""
    talk.close()
    assert stored(talk, Marked())["input"] == "It is"


def test_the_end_of_a_text_that_was_cut_goes_too() -> None:
    talk = Talk(text_limit=100)
    talk.upstream << ResponseStarted("r1") << TextOut("x" * 90 + " " + CARD, "text", "r1", "o1", final=True) << ResponseFinished("r1")
    turn = talk.tracker.changed()[-1]
    assert turn.record(content=True)["output"].endswith(" 4111 1111")
    assert turn.record(content=True, marked=marked("model_text"))["output"] == "x" * 36
