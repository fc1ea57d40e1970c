"""Policies as they are written: which words they look at, what happens when they fail, and their inline tests."""

import json

import pytest

from realtime.frame import Frame
from realtime.policies import Judge
from realtime.texts import KINDS
from rules.load import load
from rules.policy import compiled

CARD = "4111 1111 1111 1111"


def policies(text: str, *, on_error: str = "block", monitor: bool = False) -> Judge:
    loaded = load(f"version: 1\npolicies:\n{text}", env={})
    assert loaded.rules is not None, loaded.render()
    return Judge(compiled(loaded.rules.policies, {}, "pass" if on_error == "pass" else "block", monitor=monitor), "openai")


def codes(text: str) -> list[tuple[str, int]]:
    return [(found.code, found.column) for found in load(f"version: 1\npolicies:\n{text}", env={}).diagnostics]


def user(text: str) -> Frame:
    return Frame(True, json.dumps({"type": "conversation.item.create", "item": {"role": "user", "content": [{"text": text}]}}).encode())


@pytest.mark.parametrize(
    ("written", "kinds"), [("any", set(KINDS)), ("[user_text, mcp]", {"user_text", "mcp"}), ("model_text", {"model_text"})]
)
def test_text_names_kinds(written: str, kinds: set[str]) -> None:
    judge = policies(f"  - {{id: p, action: block, when: {{text: {written}, detect: [card]}}}}")
    assert judge.policies.policies[0].condition.texts == kinds
    assert bool(judge.judge(user(CARD), 0.0).hits) == ("user_text" in kinds)


@pytest.mark.parametrize(
    ("when", "code"),
    [
        ("{text: []}", "VT011"),
        ("{text: [user_txt]}", "VT011"),
        ("{text: 5}", "VT011"),
        ("{text: any, at: $.a}", "VT011"),
        ("{text: any, in: [a]}", "VT012"),
    ],
)
def test_text_that_is_refused(when: str, code: str) -> None:
    assert [found for found, _ in codes(f"  - {{id: p, action: block, when: {when}}}")] == [code]


def test_redaction_needs_to_know_what_to_replace() -> None:
    assert [code for code, _ in codes("  - {id: p, action: redact, when: {text: any}}")] == ["VT012"]


def test_a_kind_that_is_nearly_right_is_named() -> None:
    loaded = load("version: 1\npolicies: [{id: p, action: block, when: {text: [user_txt]}}]", env={})
    assert [found.hint for found in loaded.diagnostics] == ["did you mean 'user_text'?"]


@pytest.mark.parametrize(
    ("own", "general", "drops"),
    [("", "block", True), ("", "pass", False), ("on_error: pass, ", "block", False), ("on_error: block, ", "pass", True)],
)
def test_what_happens_on_an_error(own: str, general: str, drops: bool) -> None:
    judge = policies(f"  - {{id: p, {own}action: alert, when: {{detect: [card]}}}}", on_error=general)
    verdict = judge.judge(Frame(True, b'{"type":"x","a":1,"a":2}'), 0.0).verdict
    assert (verdict is not None and verdict.action == "drop") == drops


def test_everything_that_is_written_is_compiled() -> None:
    written = "  - {id: p, mode: monitor, action: block, message: no, alert: high, when: {}}\n  - {id: q, action: tag, tag: t, when: {}}"
    first, second = policies(written).policies.policies
    assert (first.id, first.mode, first.action, first.message, first.severity) == ("p", "monitor", "block", "no", "high")
    assert (second.tag, second.mode, second.message, second.replace) == ("t", "enforce", "", None)
    assert {policy.mode for policy in policies(written, monitor=True).policies.policies} == {"monitor"}


TESTED = """
  - id: p
    when: {text: any, detect: [card]}
    action: redact
    tests:
      - {event: {type: conversation.item.create, item: {content: [{text: "4111 1111 1111 1111"}]}}, expect: redact}
      - {event: {type: conversation.item.create, item: {content: [{text: "4111 1111 1111 1112"}]}}, expect: none}
      - {from: server, event: {type: response.output_text.done, text: "4111 1111 1111 1111"}, expect: redact}
      - {event: {type: response.output_text.done, text: "4111 1111 1111 1111"}, expect: none}
      - {dialect: gemini, event: {realtimeInput: {text: "4111 1111 1111 1111"}}, expect: redact}
      - from: server
        event: [{type: response.output_text.delta, delta: "4111 1111 "}, {type: response.output_text.delta, delta: "1111 1111"}]
        expect: redact
      - {from: server, event: [{type: response.output_text.delta, delta: "4111 1111 "}], expect: none}
"""


def test_inline_tests_run_through_the_engine() -> None:
    assert codes(TESTED) == []


def test_inline_tests_that_come_out_differently() -> None:
    swapped = TESTED.replace("expect: redact", "expect: §").replace("expect: none", "expect: redact").replace("§", "none")
    assert [code for code, _ in codes(swapped)] == ["VT050"] * 7


@pytest.mark.parametrize(
    "test",
    ["{event: [], expect: none}", "{event: [5], expect: none}", "{event: x, expect: none}", "{event: {}, dialect: open, expect: none}"],
)
def test_inline_tests_that_are_refused(test: str) -> None:
    assert [code for code, _ in codes(f"  - {{id: p, action: block, when: {{}}, tests: [{test}]}}")] == ["VT011"]


def test_a_policy_behind_a_terminal_one_with_the_same_words_is_shadowed() -> None:
    two = "  - {{id: p, action: block, when: {{text: {}}}}}\n  - {{id: q, action: block, when: {{text: {}}}}}"
    assert [code for code, _ in codes(two.format("any", "any"))] == ["VT043"]
    assert codes(two.format("[user_text]", "any")) == []
