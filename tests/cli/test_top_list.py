"""The list and the screen of `top` without a terminal: orders, what fits, keys, and text of the wire that stays text."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console
from rich.console import RenderableType

from cli.topfeed import View
from cli.toplist import Sort
from cli.toplist import ordered
from cli.toplist import table
from cli.toplist import totals
from cli.topscreen import Act
from cli.topscreen import Screen


def session(name: str, minute: int, **more: Any) -> dict[str, Any]:
    made = {
        "id": name,
        "started_at": f"2026-11-21T09:{minute:02d}:00.000Z",
        "ended_at": "2026-11-21T10:00:00.000Z",
        "transport": "websocket",
        "principal": "kiosk",
        "route": None,
        "provider": "openai",
        "model": "gpt-realtime",
        "turns": 0,
        "usage": {"total_tokens": 0},
        "cost": {"usd": 0.0, "partial": False},
        "first_audio": None,
        "findings": {},
        "close": {"code": 1000, "side": "client", "reason": ""},
        "live": False,
    }
    return made | more


LIVE = {"live": True, "ended_at": None, "close": None}
OLD = session("ses_old", 1, turns=9, usage={"total_tokens": 5}, cost={"usd": 2.0, "partial": False}, findings={"policy": 3, "leak": 1})
NEW = session("ses_new", 2, principal="lab", first_audio={"p50": 400.4, "p95": 900.0, "last": [300.0, 512.0]})
RUNS = session("ses_runs", 0, principal="zoo", state="speaking", **LIVE)
TOTALS = {"open": 1, "cost": {"usd": 2.0, "partial": True}, "first_audio": {"p50": 400.4, "p95": 900.0, "turns": 2}}


def drawn(shown: RenderableType, width: int = 200) -> list[str]:
    console = Console(file=io.StringIO(), width=width, no_color=True)
    console.print(shown)
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def screen(*sessions: dict[str, Any], turns: list[dict[str, Any]] | None = None) -> Screen:
    made = Screen()
    made.update(View(list(sessions), TOTALS, running=True, turns=turns))
    return made


@pytest.mark.parametrize(
    ("by", "first"), [(Sort.AGE, NEW), (Sort.KEY, OLD), (Sort.TURNS, OLD), (Sort.AUDIO, NEW), (Sort.COST, OLD), (Sort.FINDINGS, OLD)]
)
def test_what_runs_is_first_in_every_order(by: Sort, first: dict[str, Any]) -> None:
    assert ordered([OLD, NEW, RUNS], by)[:2] == [RUNS, first]


def test_the_columns() -> None:
    head, old, new, runs = drawn(table([OLD, NEW, RUNS], Sort.AGE))
    assert head.split("  ")[0] == "session"
    assert old.endswith("policy 3, leak  1000 by client")
    assert "400 ms / 512 ms" in new
    assert runs.endswith("speaking")


def test_columns_that_do_not_fit_are_left_out_and_the_key_stays() -> None:
    for width in (160, 100, 60, 30, 12):
        lines = drawn(table([OLD, NEW], Sort.AGE, width), width)
        assert max(map(len, lines)) <= width
        assert "kiosk" in lines[1]
    assert "session" not in drawn(table([OLD, NEW], Sort.AGE, 60))[0]


def test_the_totals() -> None:
    assert totals(TOTALS) == "1 open, today $2.000000+, first audio p50 400 ms, p95 900 ms"
    assert totals({"open": 0, "cost": {"usd": 0.0, "partial": False}, "first_audio": None}) == "0 open, today $0.000000, first audio -"


def test_text_of_the_wire_stays_text() -> None:
    hostile = session("ses_x", 3, principal="\x1b[31mred[bold]x[/bold]", model="a\u202eb", **LIVE)
    shown = "\n".join(drawn(screen(hostile).render(200, 10)))
    assert "red[bold]x[/bold]" in shown
    assert "\x1b" not in shown
    assert "\u202e" not in shown


def test_the_selection_stays_on_its_session() -> None:
    made = screen(OLD, NEW)
    assert made.press("j") is None
    assert made.press("enter") == Act("show", "ses_old")
    assert made.press("escape") == Act("show")
    made.update(View([OLD, NEW, RUNS], TOTALS, running=True))
    made.press("down")  # the last one already
    assert made.press("enter") == Act("show", "ses_old")


def test_a_session_is_ended_only_after_yes_and_while_it_runs() -> None:
    made = screen(RUNS, OLD)
    assert made.press("x") is None
    assert drawn(made.render(80, 10))[-2] == "end ses_runs? y/n"
    assert made.press("q") is None  # anything but y is no
    made.press("x")
    assert made.press("y") == Act("end", "ses_runs")
    made.press("j")
    made.press("x")
    assert drawn(made.render(80, 10))[-2] == "ses_old is over"
    assert made.press("y") is None
    assert made.press("q") == Act("quit")


def test_s_goes_through_the_orders() -> None:
    made = screen(OLD, NEW)
    found = []
    for _ in Sort:
        found.append(made.sort)
        made.press("s")
    assert (found, made.sort) == (list(Sort), Sort.AGE)


@pytest.mark.parametrize("height", [1, 5, 10, 40])
def test_a_screen_is_as_high_as_the_terminal_and_shows_what_is_selected(height: int) -> None:
    many = [session(f"ses_{number:03}", number % 60, principal=f"key{number}") for number in range(100)]
    made = screen(*many)
    for _ in range(70):
        made.press("j")
    lines = drawn(made.render(200, height))
    assert len(lines) == max(height, 5)
    assert f" {ordered(many, Sort.AGE)[70]['principal']} " in "\n".join(lines)
    made.press("enter")
    for _ in range(10):
        made.press("down")
    assert len(drawn(made.render(200, height))) == max(height, 5)


def test_what_went_wrong_is_shown() -> None:
    made = Screen()
    assert "reading" in drawn(made.render(80, 10))[0]
    made.update(View([], TOTALS, running=False, wrong="the log is gone"))
    lines = drawn(made.render(120, 10))
    assert "no proxy runs" in lines[0]
    assert lines[-2] == "the log is gone"
