"""Which sides of which turns may be heard later: what was transcribed and crossed as it was said, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from turn_talk import Talk

from realtime import signals
from realtime.conditions import Condition
from realtime.policies import Policy
from realtime.policies import PolicySet
from realtime.policies.speech import guarded
from realtime.policies.trace import Trace
from realtime.regex import Regex
from realtime.settling import Part
from realtime.settling import Settling
from realtime.settling import Stopped
from realtime.signals import Signal


class Heard:
    """A conversation and what is settled of it, as a gatherer of sound asks for it."""

    def __init__(self) -> None:
        self.talk = Talk()
        self.settling = Settling()
        self.settled: list[Part] = []
        self.stopped: list[Stopped] = []

    def __lshift__(self, signal: Signal) -> Heard:
        before = self.talk.tracker.newest
        self.talk.upstream << signal
        newest = self.talk.tracker.newest
        if newest is not None and newest is not before:
            self.stopped += self.settling.began(newest)
        self.settled += self.settling.settled()
        return self

    def user(self, item: str | None, *words: str) -> Heard:
        """What the user says, and its transcript unless there are no words."""
        self << signals.InputCommitted(item)
        return self.transcript(item, *words) if words else self

    def transcript(self, item: str | None, *words: str) -> Heard:
        for word in words:
            self << signals.InputTranscript(item, word)
        return self << signals.InputTranscript(item, "".join(words), final=True, replace=True)

    def model(self, answer: str | None, words: str = "Yes", **end: Any) -> Heard:
        self << signals.ResponseStarted(answer)
        if words:
            self << signals.TextOut(words, "transcript", answer, answer and f"item of {answer}")
        return self << signals.ResponseFinished(answer, **end) if end != {"open": True} else self

    def redacted(self, kind: Any, item: str | None = None, answer: str | None = None, **more: Any) -> Heard:
        self.stopped += self.settling.stopped(Trace("cards", kind, True, answer, item, **more))
        return self


def user(turn: int) -> Part:
    return Part(turn, "user")


def model(turn: int) -> Part:
    return Part(turn, "model")


def test_a_turn_is_settled_when_both_have_their_words() -> None:
    heard = Heard().user("u1", "Hello").model("r1")
    assert heard.settled == [user(1), model(1)]
    heard.user("u2").model("r2")
    assert heard.settled == [user(1), model(1), model(2)]
    heard.transcript("u2", "Late", " words")
    assert heard.settled[3:] == [user(2)]
    assert heard.stopped == heard.settling.closed(has_turns=True) == []


@pytest.mark.parametrize("end", [{"open": True}, {"status": "failed"}])
def test_an_answer_without_an_end_of_its_own_is_not(end: dict[str, Any]) -> None:
    heard = Heard().user("u1", "Hello").model("r1", **end).user("u2")
    heard.talk.close()
    assert {*heard.settled, *heard.settling.settled(), *heard.settling.closed(has_turns=True)} == {user(1)}


def test_sound_without_words_and_words_that_failed_or_never_ended_are_not() -> None:
    heard = Heard().user("u1").model("r1", "")
    heard.user("u2") << signals.InputTranscript("u2", "", failed=True)
    heard.model("r2").user("u3") << signals.InputTranscript("u3", "It is 4111")
    heard.model("r3")
    heard.talk.close()
    assert [*heard.settled, *heard.settling.closed(has_turns=True)] == [model(2), model(3)]


def test_what_a_policy_stopped_is_named_whenever_it_did() -> None:
    heard = Heard().user("u1")
    heard.redacted("user_transcript", "u1").transcript("u1", "[card]").model("r1")
    assert (heard.stopped, heard.settled) == ([Stopped(user(1), "cards")], [model(1)])
    heard.user("u2", "Hello").model("r2", open=True).redacted("model_transcript", answer="r2") << signals.ResponseFinished("r2")
    assert (heard.stopped[1:], heard.settled[1:]) == ([Stopped(model(2), "cards")], [user(2)])
    heard.user("u3").model("r3").redacted("user_transcript", "u3").transcript("u3", "[card]")
    assert (heard.stopped[2:], heard.settled[2:]) == ([Stopped(user(3), "cards")], [model(3)])
    heard.redacted("user_transcript", "u1")
    assert heard.stopped[3:] == [Stopped(user(1), "cards")], "also when it is shown once more"


def test_words_that_no_turn_has_taken() -> None:
    heard = Heard().user("u1", "Hello").model("r1").user("u2").redacted("user_transcript", "u2")
    assert heard.stopped == []
    assert list(heard.settling.turnless()) == [Stopped(user(0), "cards")]
    assert heard.settling.silenced == {"user"}


def test_without_ids_words_may_be_those_of_two_turns() -> None:
    heard = Heard().user(None, "Hello").model(None)
    assert heard.settled == []
    heard.user(None, "Again").model(None)
    assert heard.settled == [user(1), model(1)]
    heard.redacted("user_transcript").user(None, "[card]").model(None)
    assert heard.stopped == [Stopped(user(2), "cards"), Stopped(user(3), "cards")]
    heard.redacted("model_transcript")
    assert heard.stopped[2:] == [Stopped(model(3), "cards")]
    heard.talk.close()
    assert [*heard.settled[2:], *heard.settling.closed(has_turns=True)] == [model(2)]


@pytest.mark.parametrize("kind", ["user_text", "tool_arguments", "tool_result", "instructions", "tool_schema", "mcp"])
def test_words_that_nobody_speaks_are_none(kind: str) -> None:
    heard = Heard().user("u1", "Hello").model("r1", open=True).redacted(kind, "u1", "r1")
    heard.redacted("user_transcript", "u1", from_client=True)
    assert (heard.stopped, heard.settling.silenced) == ([], set())


def test_what_could_not_be_judged_is_silent_as_far_as_it_can_be_told() -> None:
    heard = Heard().user("u1", "Hello").model("r1").user("u2").model("r2", open=True)
    heard.redacted(None, answer="r1", judged=False)
    heard.redacted(None, item="u2", judged=False)
    assert heard.stopped == [Stopped(model(1), "cards"), Stopped(user(2), "cards")]
    heard.redacted(None)
    assert heard.stopped[2:] == []
    heard.redacted(None, judged=False)
    assert heard.stopped[2:] == [Stopped(user(2), "cards"), Stopped(model(2), "cards")]


def test_a_session_without_turns_is_settled_as_a_whole_at_its_end() -> None:
    for said, stopped, settled in (
        (("user", "model"), (), [Part(0, "model"), Part(0, "user")]),
        (("user", "model"), ("model",), [Part(0, "user")]),
        (("model",), (), [Part(0, "model")]),
        ((), (), []),
    ):
        settling = Settling()
        for side in said:
            settling.said(side)
        told = [one for side in stopped for one in settling.stopped(Trace("cards", f"{side}_transcript", True))]
        assert told == [Stopped(Part(0, side), "cards") for side in stopped]
        assert settling.closed(has_turns=False) == settled


CARDS = Condition(detect=("card",))


@pytest.mark.parametrize(
    ("policy", "sides"),
    [
        (Policy("p", "redact", CARDS), {"user", "model"}),
        (Policy("p", "block", CARDS), {"user", "model"}),
        (Policy("p", "close", Condition(texts=frozenset({"user_transcript"}))), {"user"}),
        (Policy("p", "redact", Condition(texts=frozenset({"model_transcript", "tool_result"}), regex=Regex("x"))), {"model"}),
        (Policy("p", "redact", Condition(texts=frozenset({"user_text", "tool_arguments"}), regex=Regex("x"))), set()),
        (Policy("p", "redact", Condition(from_client=True, detect=("card",))), set()),
        (Policy("p", "redact", Condition(events=("response.output_audio_transcript.*",), detect=("card",))), {"user", "model"}),
        (Policy("p", "redact", Condition(events=("rate_limits.updated",), detect=("card",))), set()),
        (Policy("p", "redact", CARDS, mode="monitor"), set()),
        (Policy("p", "tag", CARDS, tag="t"), set()),
        (Policy("p", "alert", CARDS), set()),
        (Policy("p", "allow", CARDS), set()),
        (Policy("p", "block", Condition(events=("response.created",))), set()),
    ],
)
def test_in_whose_words_policies_have_a_say(policy: Policy, sides: set[str]) -> None:
    assert guarded(PolicySet((policy,)), "openai") == sides
    assert guarded(PolicySet((policy,), monitor=True), "openai") == set()
