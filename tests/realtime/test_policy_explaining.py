"""Why policies match: every test by itself with what it saw, and never another answer than the one that counts."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

import pytest

from realtime.conditions import Condition
from realtime.conditions import scalar
from realtime.frame import Frame
from realtime.jsonpath import compile_path
from realtime.jsonpath import spelled
from realtime.policies import Judge
from realtime.policies import Policy
from realtime.policies import PolicySet
from realtime.policies.explaining import Explained
from realtime.policies.explaining import Explainer
from realtime.regex import Regex

IDS = {"response_id": "r", "item_id": "i", "output_index": 0, "content_index": 0}
NAMES = compile_path("$.session.tools[*].name")


def frame(from_client: bool, kind: str, **more: Any) -> Frame:
    return Frame(from_client, json.dumps({"type": kind, **more}).encode())


def item(text: str) -> Frame:
    return frame(True, "conversation.item.create", item={"type": "message", "content": [{"type": "input_text", "text": text}]})


def explained(shown: Frame, *policies: Policy) -> tuple[Explained, ...]:
    return Explainer(PolicySet(policies), "openai").explain(shown, 0.0).policies


def steps(found: Explained) -> list[tuple[str, bool]]:
    return [(step.test, step.passed) for step in found.steps]


def test_the_tests_stand_in_their_order_up_to_the_first_that_decides_for_the_message() -> None:
    condition = Condition(from_client=True, events=("conversation.*",), texts=frozenset({"user_text"}), regex=Regex("refund"))
    policy = Policy("p", "alert", condition)
    [found] = explained(item("I want a refund, bob@example.com"), policy)
    assert found.matched
    assert steps(found) == [("from", True), ("event", True), ("text", True), ("regex", True)]
    assert found.steps[3].seen == "'I want a [match], [email]'"
    [found] = explained(frame(False, "response.done"), policy)
    assert (found.matched, steps(found)) == (False, [("from", False), ("event", False)])
    [found] = explained(item("Good morning"), policy)
    assert (found.matched, steps(found)[-1], found.steps[-1].seen) == (False, ("regex", False), "'Good morning'")
    [found] = explained(frame(True, "conversation.item.create", item={}), policy)
    assert (steps(found)[-1], found.steps[-1].seen) == (("text", False), "nothing")


def test_tests_on_values_must_hold_for_one_and_the_same() -> None:
    condition = Condition(at=NAMES, none_of=frozenset({scalar("weather")}), over=10)
    policy = Policy("tools", "block", condition)
    [found] = explained(frame(True, "session.update", session={"tools": [{"name": "weather"}, {"name": "a"}]}), policy)
    assert steps(found) == [("at", True), ("not_in", True), ("size", False)]
    tools = [{"name": "weather"}, {"name": "a"}]
    narrow = Policy("tools", "block", Condition(at=NAMES, none_of=frozenset({scalar("weather")}), over=3))
    [found] = explained(frame(True, "session.update", session={"tools": tools}), narrow)
    assert (found.matched, steps(found)) == (False, [("at", True), ("not_in", True), ("size", True), ("together", False)])
    assert found.steps[0].wanted == "$.session.tools[*].name"


def test_a_text_in_pieces_is_seen_as_one() -> None:
    judge = Explainer(PolicySet([Policy("cards", "redact", Condition(detect=("card",)))]), "openai")
    pieces = ("My card is 4111 1111", " 1111 1111, thanks")
    first, second = (
        judge.explain(frame(False, "response.output_audio_transcript.delta", **IDS, delta=piece), number * 0.01)
        for number, piece in enumerate(pieces)
    )
    assert "detect" in [step.test for step in first.policies[0].steps if not step.passed]
    assert steps(second.policies[0]) == [("text", True), ("detect", True)]
    assert second.policies[0].steps[1].seen.startswith("'My card is [card], thanks'")


def test_why_a_policy_was_not_asked() -> None:
    ends = Policy("ends", "block", Condition(regex=Regex("bad")))
    after = Policy("after", "alert", Condition(regex=Regex("bad")))
    first, second = explained(item("bad"), ends, after)
    assert (first.matched, second.matched, second.why) == (True, False, "policy ends had ended the evaluation")
    [found] = explained(Frame(True, b'{"type":"a","a":1,"a":2}'), Policy("p", "block", Condition(regex=Regex("x"))))
    assert "duplicate key" in found.why
    [found] = explained(frame(True, "input_audio_buffer.append", audio="AAAA"), after)
    assert (found.matched, found.why) == (False, "")


@pytest.mark.parametrize("words", ["refund me", "nothing", "4111 1111 1111 1111", "bob@example.com wants a refund"])
def test_an_explainer_judges_as_any_judge(words: str) -> None:
    policies = [
        Policy("a", "tag", Condition(detect=("email",)), tag="t"),
        Policy("b", "block", Condition(texts=frozenset({"user_text"}), regex=Regex("refund"))),
        Policy("c", "redact", Condition(detect=("card",))),
    ]
    found = Explainer(PolicySet(policies), "openai").explain(item(words), 0.0)
    judged = Judge(PolicySet(policies), "openai").judge(item(words), 0.0)
    assert (found.judgement.verdict, found.judgement.hits) == (judged.verdict, judged.hits)
    assert {one.policy for one in found.policies if one.matched} == {hit.policy for hit in judged.hits}


def test_every_test_that_a_condition_can_make_is_explained() -> None:
    given = {one.name for one in fields(Condition) if one.init}
    assert given == {"from_client", "events", "at", "texts", "regex", "detect", "one_of", "none_of", "over", "under"}
    shown = frame(True, "session.update", session={"tools": [{"name": "4111 1111 1111 1111"}]})
    everything = Condition(
        from_client=True,
        events=("session.*",),
        at=NAMES,
        regex=Regex("4111"),
        detect=("card",),
        one_of=frozenset({scalar("4111 1111 1111 1111")}),
        none_of=frozenset({scalar("x")}),
        over=1,
        under=100,
    )
    [found] = explained(shown, Policy("p", "alert", everything))
    assert [name for name, _ in steps(found)] == ["from", "event", "at", "in", "not_in", "size", "regex", "detect", "together"]
    assert found.matched
    [found] = explained(shown, Policy("p", "alert", Condition(over=10)))
    assert (steps(found), found.matched) == ([("size", True)], True)


def test_what_is_shown_is_cut() -> None:
    [found] = explained(item("word " * 100_000), Policy("p", "alert", Condition(regex=Regex("zebra"))))
    assert len(found.steps[-1].seen) < 500


@pytest.mark.parametrize("path", ["$", "$.item.content[*].text", "$['odd name'][-1]", "$..name[0].*"])
def test_a_path_can_be_spelled(path: str) -> None:
    assert compile_path(spelled(compile_path(path))) == compile_path(path)
