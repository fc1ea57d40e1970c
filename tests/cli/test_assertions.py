"""Conditions on a session: what each holds for, what it says was seen, and that nothing holds of what is not on record."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from exportlog import CALL
from exportlog import TALK
from exportlog import finding
from exportlog import opening
from exportlog import run
from exportlog import turn
from exportlog import write

from cli.assertions import parsed
from cli.errors import Failure
from cli.facts import FIGURES
from cli.facts import TEXTS
from cli.facts import WORDS
from cli.facts import Facts
from store.filters import BadFilter

CLOSED = {"ended_at": "2026-11-21T09:31:00.000Z", "close": {"code": 1000, "reason": "bye", "side": "client"}}


def facts(*turns: dict[str, Any], found: list[dict[str, Any]] | None = None, **session: Any) -> Facts:
    return Facts(opening(TALK, **{**CLOSED, "usage": {"total_tokens": 60}, **session}), list(turns), found or [])


def spoken(index: int, milliseconds: float, output: str = "It is sunny in Paris.", **more: Any) -> dict[str, Any]:
    return turn(TALK, index, clocks={"first_audio": milliseconds, "since": "append"}, output=output, output_chars=len(output), **more)


GOOD = facts(
    *(spoken(number, 100.0 * number) for number in range(1, 21)),
    found=[finding(1, TALK, severity="low", mode="monitor")],
    cost={"usd": 0.04, "partial": False},
)


@pytest.mark.parametrize(
    ("condition", "seen"),
    [
        ("first_audio.p95<1950ms", "1900 ms"),
        ("first_audio.p50 <= 1s", "1000 ms"),
        ("first_audio.max=2s", "2000 ms"),
        ("first_audio.min>99ms", "100 ms"),
        ("turns>=3", "20"),
        ("turns != 3", "20"),
        ("calls=20", "20"),
        ("cost<0.05", "$0.040000"),
        ("duration<=60s", "60000 ms"),
        ("close.code=1000", "1000"),
        ("usage.total_tokens>50", "60"),
        ("usage.reasoning=0", "0"),
        ("status=completed", "completed (20 times)"),
        ("status!=failed", "completed (20 times)"),
        ("session.status=ended", "ended"),
        ("model='gpt-*'", "gpt-realtime"),
        ("key=kiosk", "kiosk"),
        ("close.side!=upstream", "client"),
        ('said ~ "SUNNY in"', "“It is sunny in Paris.”"),
        ("said !~ refund", "in none of 20 turns"),
        ("tool get_weather", "20 of 20 calls: get_weather (20 times)"),
        ("tool get_* city=Par*", "20 of 20 calls: get_weather (20 times)"),
        ("no tool get_weather city=London", "0 of 20 calls: get_weather (20 times)"),
        ("no tool book", "0 of 20 calls: get_weather (20 times)"),
        ("policy cards", "cards redact low"),
        ("no policy names", "none"),
        ("findings policy=cards mode=monitor", "cards redact low"),
        ("no findings severity=high", "none"),
        ("findings = 1", "1"),
    ],
)
def test_what_holds_and_its_opposite(condition: str, seen: str) -> None:
    assert parsed(condition)(GOOD) == (True, seen)
    assert parsed(opposite(condition))(GOOD) == (False, seen)


def opposite(condition: str) -> str:
    """The same condition the other way round."""
    if condition.startswith("no "):
        return condition.removeprefix("no ")
    if condition.split()[0] in ("tool", "policy", "findings") and " = " not in condition:
        return f"no {condition}"
    for sign, other in (("<=", ">"), (">=", "<"), ("!=", "="), ("!~", "~"), ("<", ">="), (">", "<="), ("=", "!="), ("~", "!~")):
        if sign in condition:
            return condition.replace(sign, other, 1)
    raise AssertionError(condition)


BARE = {"input": None, "output": None, "tool_calls": [{"call_id": "c", "name": "pay", "arguments_chars": 9, "result_chars": 1}]}
EMPTY = facts(cost=None, close=None, ended_at=None, usage={"total_tokens": 0}, grouping=None)
UNTOLD = facts(turn(TALK, 1, clocks={}, voice=None, **BARE), cost={"usd": 0.01, "partial": True})


@pytest.mark.parametrize("sign", ["<", ">=", "=", "!="])
@pytest.mark.parametrize("figure", ["first_audio.p95", "cost", "errors", "duration", "close.code", "usage.total_tokens"])
def test_no_figure_that_is_not_there_holds(figure: str, sign: str) -> None:
    timed = figure in ("first_audio.p95", "duration")
    assert not parsed(f"{figure}{sign}{'1s' if timed else '1'}")(EMPTY).held


@pytest.mark.parametrize(
    "condition",
    [
        *("grouping=*", "grouping!=x", "status=completed", "status!=failed", "close.side=client", "close.side!=client"),
        *("said ~ x", "said !~ x", "heard ~ x", "heard !~ x"),
    ],
)
def test_nor_any_text(condition: str) -> None:
    assert not parsed(condition)(EMPTY).held


@pytest.mark.parametrize(
    ("condition", "seen"),
    [
        ("said ~ x", "the words of 1 turns are not on record"),
        ("said !~ x", "the words of 1 turns are not on record"),
        ("tool book", "0 of 1 calls: pay"),
        ("tool pay sum=*", "its arguments are not on record"),
        ("no tool pay sum=9", "its arguments are not on record"),
        ("voice=marin", "not on record"),
        ("cost<1", "it has no price, or not all of it"),
        ("first_audio.p95<9s", "no turn has this clock"),
    ],
)
def test_what_was_not_stored_is_said(condition: str, seen: str) -> None:
    assert parsed(condition)(UNTOLD) == (False, seen)


def test_a_session_without_calls() -> None:
    assert parsed("tool pay")(EMPTY) == (False, "no calls")
    assert parsed("no tool pay")(EMPTY) == (True, "no calls")


def test_one_turn_without_a_text_is_not_left_out() -> None:
    found = facts(spoken(1, 1.0), spoken(2, 1.0, voice=None))
    assert parsed("voice=marin")(found) == (False, "marin, and not on record")


@pytest.mark.parametrize(
    "condition",
    [
        *("", "no", "turns", "turns>", "turns>three", "turns~3", "colour=red", "first_audio<900ms", "first_audio.p95<900", "cost<5c"),
        *(
            "said=hello",
            "status<3",
            "tool",
            "tool x y",
            "policy",
            "policy a b",
            "findings colour=red",
            "no turns>3",
            'policy "x',
            "policy a=b",
        ),
    ],
)
def test_what_cannot_be_read_says_what_can(condition: str) -> None:
    with pytest.raises(BadFilter) as raised:
        parsed(condition)
    assert raised.value.hint


def test_the_page_has_every_name_and_only_conditions_that_can_be_read() -> None:
    page = (Path(__file__).parents[2] / "docs" / "testing.md").read_text()
    table = page.partition("| condition | holds when |")[2].partition("\n\n")[0]
    shown = set(re.findall(r"`([^`]+)`", table))
    names = {name for name, figure in FIGURES.items() if not figure.short} | {*TEXTS, *WORDS}
    told = {re.split(r"[^\w.]", text)[0] for text in shown}
    assert names - told == set()
    for condition in re.findall(r"^\| `([^`…]+)` \|", table, re.MULTILINE):
        assert callable(parsed(condition))


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("assert")
    write(data)
    return data


def test_every_condition_is_told_and_the_exit_code_is_the_sum(log: Path) -> None:
    good = run(log, "assert", TALK[:7], "turns=2", "policy cards", 'tool get_weather city="Par*"')
    assert good.exit_code == 0
    bad = run(log, "assert", TALK, "turns=2", "turns>9", "no policy cards", "calls=2")
    assert bad.exit_code == 1
    assert [line[2] for line in bad.stdout.splitlines()[1:]] == ["✓", "✗", "✗", "✓"]
    assert "turns>9, saw 2" in bad.stdout


def test_each_chosen_session_counts(log: Path) -> None:
    found = run(log, "assert", "until=2026-11-22T00:00:00Z provider=openai", "turns>=1", "policy cards", "--json")
    told = json.loads(found.stdout)
    assert found.exit_code == 1
    assert not told["held"]
    assert {one["session"]: one["held"] for one in told["sessions"]} == {TALK: True, CALL: False}


def test_a_session_that_goes_on_is_said_to(log: Path) -> None:
    found = run(log, "assert", CALL, "turns>=0", "--wait", "1ms")
    assert "has not ended" in found.stdout


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("nobody", "turns=1"), 1),
        (("key=nobody", "turns=1"), 1),
        (("colour=red", "turns=1"), 2),
        ((TALK, "turns"), 2),
        ((TALK, "turns=1", "--wait", "soon"), 2),
    ],
)
def test_what_cannot_be_asserted(log: Path, words: tuple[str, ...], code: int) -> None:
    failure = run(log, "assert", *words).exception
    assert isinstance(failure, Failure)
    assert failure.exit_code == code
