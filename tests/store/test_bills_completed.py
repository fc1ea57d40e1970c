"""Billing rows that a crash kept from being written: the next start writes them, once."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from addons.bills import complete
from realtime.billing import rows
from store.log import Log

Make = Callable[..., dict[str, Any]]
LINE = {"item": "text_in", "quantity": 10, "unit": "token", "rate": 0.025, "per": 1, "usd": 0.25, "model": "m", "source": "s", "date": ""}
COST = {"usd": 0.25, "priced": True, "partial": False, "source": "s", "date": "", "lines": [LINE]}
RECORD = {"principal": "kiosk", "route": None, "provider": "sim", "model": "m", "error": None}


@pytest.fixture
def crashed(tmp_path: Path, clock: Any) -> Callable[[Callable[[Log], None]], Log]:
    """The log of a process that did something and then was no more."""

    def crash(work: Callable[[Log], None]) -> Log:
        log = Log.open(tmp_path / "running", clock=clock)
        log.recover(clock())
        work(log)
        log.commit()
        shutil.copytree(tmp_path / "running", tmp_path / "crashed")
        log.close()
        clock.forward(hours=1)
        return Log.open(tmp_path / "crashed", clock=clock)

    return crash


def test_of_sessions_in_every_state_each_row_is_there_once(crashed: Any, make_session: Make, clock: Any) -> None:
    def work(log: Log) -> None:
        for name in ("open", "ended", "billed", "empty"):
            log.session_opened(make_session(name, **RECORD))
            log.session_changed(name, {"cost": COST if name != "empty" else {**COST, "usd": 0, "lines": []}})
        clock.forward(seconds=5)
        for name in ("ended", "billed", "empty"):
            log.session_closed(name, {})
        log.commit()
        for row in rows(log.session("billed") or {}):
            log.billed(row)

    log = crashed(work)
    for _ in range(2):
        complete(log, log.recover(clock()))
        log.commit()
        found = log.reader.billing(order="asc")
        assert sorted((row["session"], row["row"], row["cost"], row["model"]) for row in found) == [
            ("billed", 1, 0.25, "m"),
            ("ended", 1, 0.25, "m"),
            ("open", 1, 0.25, "m"),
        ]
    log.close()


def test_an_empty_log_lacks_nothing(tmp_path: Path, clock: Any) -> None:
    log = Log.open(tmp_path, clock=clock)
    complete(log, log.recover(clock()))
    assert log.reader.billing() == []
    log.close()
