"""The overview of a live list: what runs and what does not, each once; the figures are those of the day and of what fits."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from store.filters import SESSION
from store.filters import parsed
from store.log import Log
from store.overview import overview

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def session(name: str, at: str, usd: float | None, waits: list[float] | None = None, **more: Any) -> dict[str, Any]:
    made = {
        "id": name,
        "started_at": at,
        "ended_at": None,
        "principal": "kiosk",
        "provider": "sim",
        "model": "m",
        "turns": 1,
        "usage": {"total_tokens": 1},
        "cost": {"usd": usd, "partial": False},
        "first_audio": waits and {"p50": waits[0], "p95": waits[-1], "last": waits},
        "close": None,
    }
    return made | more


YESTERDAY = session("ses_1", "2026-11-20T23:00:00.000Z", 8.0, [9000.0])
EARLY = session("ses_2", "2026-11-21T00:00:00.000Z", 1.0, [100.0, 300.0])
LAB = session("ses_3", "2026-11-21T10:00:00.000Z", None, principal="lab")
RUNS = session("ses_4", "2026-11-21T11:00:00.000Z", 0.25)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    made = Log.open(tmp_path)
    for record in (YESTERDAY, EARLY, LAB, RUNS):
        made.session_opened(record)
    made.commit()
    yield made
    made.close()


def seen(log: Log, words: str = "", limit: int = 10) -> tuple[list[tuple[str, bool]], dict[str, Any]]:
    now = {**RUNS, "cost": {"usd": 0.5, "partial": False}, "first_audio": {"p50": 500.0, "p95": 500.0, "last": [500.0]}}
    found = overview(log.reader, [now], parsed(words, SESSION, NOW), limit, NOW)
    return [(record["id"], record["live"]) for record in found["sessions"]], found["totals"]


def test_words_are_looked_for_in_all_that_is_kept(log: Log) -> None:
    log.turn_written({"session": "ses_2", "index": 1, "status": "completed", "output": "a refund, of course"})
    log.turn_written({"session": "ses_4", "index": 1, "status": "completed", "input": "I want a Refund"})
    log.commit()
    found, totals = seen(log, "refund")
    assert found == [("ses_4", True), ("ses_2", False)]
    assert totals == {"open": 1, "cost": {"usd": 1.5, "partial": False}, "first_audio": {"p50": 300.0, "p95": 500.0, "turns": 3}}
    assert seen(log, "refund key=lab")[0] == seen(log, "nobody said that")[0] == []
    assert seen(log, "nobody said that")[1]["open"] == 0


def test_what_runs_as_it_stands_now_then_the_newest_others(log: Log) -> None:
    sessions, totals = seen(log)
    assert sessions == [("ses_4", True), ("ses_3", False), ("ses_2", False), ("ses_1", False)]
    assert totals == {
        "open": 1,
        "cost": {"usd": 1.5, "partial": True},
        "first_audio": {"p50": 300.0, "p95": 500.0, "turns": 3},
    }


def test_what_fits(log: Log) -> None:
    assert seen(log, "key=lab") == ([("ses_3", False)], {"open": 0, "cost": {"usd": None, "partial": True}, "first_audio": None})
    assert seen(log, "key=nobody") == ([], {"open": 0, "cost": {"usd": 0, "partial": False}, "first_audio": None})
    assert seen(log, "since=1h")[0] == [("ses_4", True)]
    assert seen(log, "until=2026-11-21T09:00:00Z")[1]["cost"] == {"usd": 1.0, "partial": False}


def test_the_limit_is_of_those_that_do_not_run(log: Log) -> None:
    assert seen(log, limit=1)[0] == [("ses_4", True), ("ses_3", False)]
