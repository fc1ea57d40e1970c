"""What the rules make of `log.frames`: how messages are kept, and what is said at every load."""

from __future__ import annotations

import pytest

from addons.recorder import manner_of
from addons.rules import generation
from addons.rules import not_yet
from rules.load import load
from rules.model import Rules

POLICY = 'policies: [{id: p, when: {regex: "x"}, action: tag, tag: t}]\n'


def rules(log: str, policies: str = POLICY) -> Rules:
    loaded = load(f"version: 1\nlog: {log}\n{policies}", env={}).rules
    assert loaded is not None
    return loaded


@pytest.mark.parametrize("frames", ["events", "all"])
@pytest.mark.parametrize("content", ["metadata", "redacted", "full"])
def test_how_messages_are_kept(frames: str, content: str) -> None:
    made = manner_of(generation(1, rules(f"{{frames: {frames}, content: {content}}}")))
    assert made is not None
    assert (made.keeps, made.content) == (frames, content)
    assert (made.masks is not None) is (content == "redacted"), "this policy only tags"
    assert not_yet(rules(f"{{frames: {frames}, content: {content}}}")) == []


def test_nothing_is_kept_where_nothing_is_to_be() -> None:
    assert manner_of(generation(1, rules("{frames: off, content: full}"))) is None
    nothing = rules("{frames: all, content: none}")
    assert manner_of(generation(1, nothing)) is None
    assert not_yet(nothing) == ["log.frames keeps no messages while log.content is none"]


@pytest.mark.parametrize(
    ("policy", "keeps"),
    [
        ("when: {detect: [card]}, action: redact", "events"),
        ("when: {text: [model_transcript], regex: secret}, action: block", "events"),
        ("mode: monitor, when: {detect: [card]}, action: redact", "all"),
        ("when: {detect: [card]}, action: alert", "all"),
        ("when: {text: [tool_arguments], detect: [card]}, action: redact", "all"),
    ],
)
def test_sound_is_left_out_while_policies_have_a_say_in_what_is_spoken(policy: str, keeps: str) -> None:
    made = manner_of(generation(1, rules("{frames: all, content: full}", f"policies: [{{id: p, {policy}}}]")))
    assert made is not None
    assert made.keeps == keeps
