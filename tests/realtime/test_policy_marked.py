"""What policies found in a session is blanked in the texts that are stored of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from realtime.conditions import Condition
from realtime.policies import Policy
from realtime.policies.marked import Marked
from realtime.policies.trace import Trace
from realtime.regex import Regex

CARD = "4111 1111 1111 1111"
CARDS = Policy("cards", "tag", Condition(detect=("card",)), tag="card")
NAMES = Policy("names", "alert", Condition(regex=Regex("Smith|Jones")))


def marked(*found: tuple[Policy, Trace]) -> Marked:
    made = Marked()
    for policy, trace in found:
        made.note(policy, trace)
    return made


def test_where_nothing_was_found_a_text_stays() -> None:
    text = f"My card is {CARD}"
    assert Marked().blanked("input", text) is text
    assert marked((CARDS, Trace("cards", "model_text", stopped=False))).blanked("input", text) is text
    assert marked((CARDS, Trace("cards", "tool_schema", stopped=False))).blanked("input", text) is text


@pytest.mark.parametrize(
    ("kind", "places"),
    [
        ("user_transcript", {"input"}),
        ("model_transcript", {"output"}),
        ("tool_arguments", {"arguments"}),
        ("tool_result", {"result"}),
        ("mcp", {"arguments", "result"}),
        (None, {"input", "output", "arguments", "result"}),
    ],
)
def test_of_each_kind_of_text(kind: object, places: set[str]) -> None:
    found = marked((CARDS, Trace("cards", kind, stopped=False)))  # type: ignore[arg-type]
    blanked = {place for place in ("input", "output", "arguments", "result") if found.blanked(place, CARD) == "[card]"}
    assert blanked == places


def test_of_several_policies_each_is_named() -> None:
    found = marked((CARDS, Trace("cards", "user_text", stopped=False)), (NAMES, Trace("names", "user_text", stopped=False)))
    assert found.blanked("input", f"Smith, {CARD}, Jones") == "[names], [card], [names]"


def test_a_redaction_in_monitor_mode_writes_what_it_would_have_written() -> None:
    policy = Policy("cards", "redact", Condition(detect=("card",)), mode="monitor", replace="<no card>")
    assert marked((policy, Trace("cards", "user_text", stopped=False))).blanked("input", f"It is {CARD}.") == "It is <no card>."
    assert marked((replace(NAMES, replace="x"), Trace("names", None, stopped=False))).blanked("input", "Smith") == "[names]"


def test_arguments_stay_json() -> None:
    found = marked((CARDS, Trace("cards", "tool_arguments", stopped=False)))
    assert found.blanked("arguments", '{"card":"4111\\u00201111 1111 1111"}') == '{"card":"[card]"}'
    assert found.blanked("arguments", '{"card":4111111111111111}') == '{"card":"[card]"}'


def test_a_text_that_matched_as_a_whole_goes_as_a_whole() -> None:
    policy = Policy("exact", "tag", Condition(texts=frozenset({"user_text"}), one_of=frozenset({(False, "open sesame")})), tag="t")
    found = marked((policy, Trace("exact", "user_text", stopped=False, value="open sesame")))
    assert found.blanked("input", "hello\nopen sesame\nbye\nopen sesame") == "hello\n[exact]\nbye\n[exact]"


def test_the_end_of_a_text_that_was_cut_may_be_the_beginning_of_something() -> None:
    found = marked((CARDS, Trace("cards", "user_text", stopped=False)))
    text = "x" * 100 + " 4111 1111 11"
    assert found.blanked("input", text) == text
    assert found.blanked("input", text, cut=True) == text[:-64]
    assert found.blanked("input", f"{'x' * 100} {CARD}", cut=True) == "x" * (120 - 64)
    assert found.blanked("input", "4111", cut=True) == ""


class Broken:
    """A detector that fails."""

    name = "broken"

    def find(self, reading: object) -> object:
        raise ValueError("no")


def test_a_policy_that_fails_blanks_everything() -> None:
    policy = Policy("broken", "tag", Condition(detect=(Broken(),)), tag="t")  # type: ignore[arg-type]
    assert marked((policy, Trace("broken", None, stopped=False))).blanked("output", "Anything at all.") == "[broken]"
