"""Billing rows that a crash kept from being written: the next start writes them, once, wherever it is cut itself."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from addons.bills import complete
from realtime.billing import rows
from store.log import Log
from store.reader import LogReader

Make = Callable[..., dict[str, Any]]
LINE = {"item": "text_in", "quantity": 10, "unit": "token", "rate": 0.025, "per": 1, "usd": 0.25, "model": "m", "source": "s", "date": ""}
COST = {"usd": 0.25, "priced": True, "partial": False, "source": "s", "date": "", "lines": [LINE]}
TWO = {**COST, "usd": 0.5, "lines": [LINE, {**LINE, "item": "text_out"}]}
RECORD = {"principal": "kiosk", "route": None, "provider": "sim", "model": "m", "error": None}


def recovered(data: Path, clock: Any, copy: Path | None = None) -> list[tuple[Any, ...]]:
    """What is billed after another start, of which `copy` is what a crash at its end leaves."""
    log = Log.open(data, clock=clock)
    log.recover(clock(), partial(complete, log))
    log.commit()
    if copy is not None:
        shutil.copytree(data, copy)
    log.close()
    return sorted((row["session"], row["row"], row["cost"], row["model"]) for row in LogReader(data).billing())


def test_of_sessions_in_every_state_each_row_is_there_once(left_behind: Any, make_session: Make, clock: Any) -> None:
    def work(log: Log) -> None:
        for name in ("open", "ended", "billed", "begun", "empty"):
            log.session_opened(make_session(name, **RECORD))
            log.session_changed(name, {"cost": TWO if name == "begun" else COST if name != "empty" else {**COST, "usd": 0, "lines": []}})
        clock.forward(seconds=5)
        for name in ("ended", "billed", "begun", "empty"):
            log.session_closed(name, {})
        log.commit()
        log.billed(next(rows(log.session("billed") or {})))
        log.billed(next(rows(log.session("begun") or {})))

    data = left_behind(work)
    wanted = [("begun", 1, 0.25, "m"), ("begun", 2, 0.25, "m"), ("billed", 1, 0.25, "m"), ("ended", 1, 0.25, "m"), ("open", 1, 0.25, "m")]
    assert recovered(data, clock) == wanted
    assert recovered(data, clock) == wanted


def test_sessions_of_an_earlier_day_are_billed_too(left_behind: Any, make_session: Make, clock: Any) -> None:
    def work(log: Log) -> None:
        for name in ("long", "other"):
            log.session_opened(make_session(name, **RECORD))
            log.session_changed(name, {"cost": COST})
        for _ in range(4):
            clock.forward(days=1)
            log.session_opened(make_session(f"short {clock()}"))
        log.session_closed("long", {})

    data = left_behind(work)
    wanted = [("long", 1, 0.25, "m"), ("other", 1, 0.25, "m")]
    assert recovered(data, clock) == wanted


def test_a_recovery_that_is_cut_after_any_line_is_completed_by_the_next_one(
    left_behind: Any, make_session: Make, make_turn: Make, clock: Any, tmp_path: Path
) -> None:
    def work(log: Log) -> None:
        for name in ("first", "second"):
            log.session_opened(make_session(name, **RECORD))
            log.session_changed(name, {"cost": TWO, "usage": {"total_tokens": 20}})

    data = left_behind(work)
    file = Path("log") / f"{clock().date()}.jsonl"
    before = (data / file).read_bytes()
    lock = (data / "log" / ".lock").read_bytes()
    shutil.copytree(data, tmp_path / "whole")
    wanted = recovered(tmp_path / "whole", clock)
    whole = (tmp_path / "whole" / file).read_bytes()
    assert (len(wanted), whole.startswith(before)) == (4, True)
    places = [place + 1 for place in range(len(before) - 1, len(whole)) if whole[place : place + 1] == b"\n"]
    assert len(places) >= 7
    for place in (*places, *(place - 9 for place in places[1:])):
        copy = tmp_path / f"cut {place}"
        shutil.copytree(data, copy)
        (copy / file).write_bytes(whole[:place])
        (copy / "log" / ".lock").write_bytes(lock)
        assert recovered(copy, clock) == wanted
        usage = {session["id"]: (session["usage"], session["cost"]["usd"]) for session in LogReader(copy).sessions()}
        assert usage == {name: ({"total_tokens": 20}, 0.5) for name in ("first", "second")}


def test_an_empty_log_lacks_nothing(tmp_path: Path, clock: Any) -> None:
    assert recovered(tmp_path, clock) == []
