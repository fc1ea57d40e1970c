"""`diff`: turns find each other, words that differ are named, and equal is only what is on record in both and the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from exportlog import TALK
from exportlog import finding
from exportlog import opening
from exportlog import run
from exportlog import turn
from hypothesis import given
from hypothesis import strategies as st

from cli.alignment import aligned
from cli.alignment import word_diff
from cli.configured import Configured
from cli.differences import Aspect
from cli.differences import Difference
from cli.differences import Side
from cli.differences import differences
from cli.errors import Failure
from cli.facts import Facts
from realtime.watch.places import places
from store.log import Log

OTHER = "ses_0ddd000004"


def said(index: int, heard: str, output: str = "Good.", **more: Any) -> dict[str, Any]:
    return turn(TALK, index, input=heard, input_chars=len(heard), output=output, output_chars=len(output), tool_calls=[], **more)


def side(*turns: dict[str, Any], found: list[dict[str, Any]] | None = None, setup: dict[str, Any] | None = None, **session: Any) -> Side:
    configured = Configured("openai", {place.slot: place for place in places({"session": setup})}) if setup is not None else None
    return Side(Facts(opening(TALK, **session), list(turns), found or []), configured)


def unequal(a: Side, b: Side, within: float = 0) -> list[tuple[Aspect, str]]:
    return [(one.aspect, one.name) for one in differences(a, b, within) if not one.equal]


def numbers(a: list[dict[str, Any]], b: list[dict[str, Any]]) -> list[tuple[int | None, int | None]]:
    return [(mine and mine["index"], yours and yours["index"]) for mine, yours in aligned(a, b)]


def test_turns_find_each_other_by_what_the_user_said() -> None:
    mine = [said(1, "Hello"), said(2, "The weather?"), said(3, ""), said(4, "Bye")]
    yours = [said(1, "hello "), said(2, "Wait"), said(3, "The weather?"), said(4, ""), said(5, ""), said(6, "Goodbye")]
    assert numbers(mine, yours) == [(1, 1), (None, 2), (2, 3), (3, 4), (4, 5), (None, 6)]


def test_turns_without_words_find_each_other_by_their_order() -> None:
    bare = [said(number, "") for number in (1, 2, 3)]
    assert numbers(bare, [said(1, "Hello"), said(2, "Bye")]) == [(1, 1), (2, 2), (3, None)]
    assert numbers([], []) == []


@given(st.text(alphabet="ab \n", max_size=30), st.text(alphabet="ab \n", max_size=30))
def test_words_that_differ_add_up_to_both_texts(a: str, b: str) -> None:
    parts = word_diff(a, b)
    assert "".join(words for sign, words in parts if sign != "+") == a
    assert "".join(words for sign, words in parts if sign != "-") == b
    assert (a != b) == any(sign != "=" for sign, _ in parts)


def test_words_are_whole() -> None:
    assert word_diff("It is sunny today.", "It is rainy today.") == [("=", "It is "), ("-", "sunny"), ("+", "rainy"), ("=", " today.")]


def test_a_session_equals_itself_in_everything() -> None:
    one = side(said(1, "Hello"), turn(TALK, 2), found=[finding(1, TALK)], setup={"instructions": "Be brief."})
    found = differences(one, one, 0)
    assert {each.aspect for each in found} == set(Aspect)
    assert all(each.equal for each in found)


CALLS = [{"name": "get_weather", "arguments": '{"city": "Paris","day":1}', "arguments_chars": 25, "result_chars": None}]
SAME = [{"name": "get_weather", "arguments": '{"day":1,"city":"Paris"}', "arguments_chars": 24, "result_chars": 3}]


@pytest.mark.parametrize(
    ("mine", "yours", "expected"),
    [
        ({}, {}, []),
        ({"tool_calls": CALLS}, {"tool_calls": SAME}, []),
        ({"tool_calls": CALLS}, {}, [("tools", "calls")]),
        ({"status": "cancelled"}, {}, [("turns", "status")]),
        ({"voice": "ash"}, {}, [("config", "voice")]),
        ({"output": "No.", "output_chars": 3}, {}, [("text", "said")]),
        ({"output": None}, {"output": None}, [("text", "said")]),
        ({"cost": None}, {}, [("cost", "cost")]),
        ({"usage": {"input_tokens": 21, "output_tokens": 10}}, {}, [("usage", "input_tokens")]),
    ],
)
def test_what_differs_in_a_turn(mine: dict[str, Any], yours: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    a, b = said(1, "Hello") | mine, said(1, "Hello") | yours
    assert unequal(side(a), side(b)) == expected


def test_numbers_may_be_close() -> None:
    a, b = (side(said(1, "Hello", clocks={"first_audio": value})) for value in (100.0, 109.0))
    assert {name for _, name in unequal(a, b)} == {"first_audio", "first_audio.p50", "first_audio.p95"}
    assert unequal(a, b, 0.1) == []
    assert unequal(a, side(said(1, "Hello", clocks={})), 1) != [], "what is not there is close to nothing"


def test_what_a_session_was_configured_with() -> None:
    tool = {"type": "function", "name": "pay", "description": "Pays."}
    a = side(setup={"instructions": "Hi", "tools": [tool]})
    b = side(setup={"instructions": "Ho", "tools": [tool | {"description": "Pays!"}]})
    assert unequal(a, b) == [("config", "instructions"), ("config", "tool pay")]
    assert unequal(a, side()) == [], "where the messages of one are not on record nothing is said of them"


def test_findings_are_counted() -> None:
    two = [finding(number, TALK) for number in (1, 2)]
    assert unequal(side(found=two), side(found=two[:1])) == [("findings", "cards redact high enforce")]


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sessions that differ in one word and the model."""
    data = tmp_path_factory.mktemp("diff")
    log = Log.open(data)
    for name, word, model in ((TALK, "sunny", "gpt-realtime"), (OTHER, "rainy", "gpt-realtime-mini")):
        log.session_opened(opening(name, model=model))
        log.turn_written(said(1, "The weather?", f"It is {word}.\x1b[31m") | {"session": name})
    log.close()
    return data


def test_the_table_and_the_exit_code(log: Path) -> None:
    found = run(log, "diff", TALK, OTHER)
    assert found.exit_code == 1
    assert "config model" in found.stdout
    assert "turn 1 said: It is [-sunny.-]{+rainy.+}" in found.stdout
    assert "2 differences in config, turns" in found.stdout
    assert "\x1b" not in found.stdout
    assert run(log, "diff", TALK, OTHER, "--only", "turns,tools,cost").exit_code == 0
    assert run(log, "diff", TALK, TALK).exit_code == 0
    assert "usage input_tokens" in run(log, "diff", TALK, TALK, "--all").stdout


def test_json(log: Path) -> None:
    found = json.loads(run(log, "diff", TALK, OTHER, "--only", "text", "--json").stdout)
    assert (found["a"], found["b"], found["equal"], found["compared"]) == (TALK, OTHER, False, ["text"])
    assert not found["setup"], "the messages of neither are on record"
    heard, spoken = found["values"]
    assert set(heard) == set(Difference.__dataclass_fields__)
    assert heard["equal"]
    assert spoken["turns"] == [1, 1]
    assert [part for part in spoken["words"] if part[0] != "="] == [["-", "sunny.\x1b[31m"], ["+", "rainy.\x1b[31m"]]


@pytest.mark.parametrize(("words", "code"), [((TALK, "nobody"), 1), ((TALK, OTHER, "--only", "colour"), 2)])
def test_what_cannot_be_compared(log: Path, words: tuple[str, ...], code: int) -> None:
    failure = run(log, "diff", *words).exception
    assert isinstance(failure, Failure)
    assert failure.exit_code == code


def test_every_setting_is_compared() -> None:
    a, b = side(), side()
    a, b = (
        Side(one.facts, Configured("openai", {}, settings))
        for one, settings in ((a, {"speed": 1, "truncation": "auto"}), (b, {"speed": 2}))
    )
    assert unequal(a, b) == [("config", "speed"), ("config", "truncation")]


def test_what_changed_between_turns_is_compared_in_each() -> None:
    a = side(said(1, "Hello", voice="ash"), said(2, "Bye", voice="cedar"))
    b = side(said(1, "Hello", voice="ash"), said(2, "Bye", voice="ash"))
    found = [(one.turns, one.a, one.b) for one in differences(a, b, 0) if one.name == "voice" and not one.equal]
    assert found == [(None, ["ash", "cedar"], ["ash"]), ((2, 2), "cedar", "ash")]
    assert not any(one.turns for one in differences(b, b, 0) if one.aspect is Aspect.config)


def test_written_answers_have_a_latency() -> None:
    a, b = (side(said(1, "Hello", clocks={"first_output": value, "response": 900.0})) for value in (100.0, 300.0))
    assert unequal(a, b) == [("latency", "first_output")]
