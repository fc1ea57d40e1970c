"""What a crash leaves is completed at the next start, once, from what was journaled."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from store.log import Log
from store.recovery import Recovered
from store.recovery import Recovery

Make = Callable[..., dict[str, Any]]
LINE = {"item": "text_in", "quantity": 10, "unit": "token", "rate": 0.025, "per": 1, "usd": 0.25}
COST = {"usd": 0.25, "priced": True, "partial": False, "source": "list", "date": "2026-11-01", "lines": [LINE]}


@pytest.fixture
def crashed(left_behind: Callable[[Callable[[Log], None]], Path], clock: Any) -> Callable[[Callable[[Log], None]], Log]:
    """The log of such a process: its files as they were. `recover` is still to be called."""
    return lambda work: Log.open(left_behind(work), clock=clock)


@pytest.fixture
def session(clock: Any, make_session: Make, make_turn: Make) -> Callable[[Log], None]:
    """Three turns, one of them open; the session's own totals were journaled after the first."""

    def work(log: Log) -> None:
        log.session_opened(make_session("s"))
        log.turn_written(make_turn("s", 1, usage={"total_tokens": 3, "seconds": 1.5}, cost=COST))
        log.session_changed("s", {"turns": 1, "usage": {"total_tokens": 3, "messages": 4}, "cost": COST})
        clock.forward(seconds=5)
        log.turn_written(
            make_turn("s", 2, usage={"total_tokens": 4}, transcription_usage={"total_tokens": 10}, cost={**COST, "source": "overlay"})
        )
        log.turn_written(make_turn("s", 3, status="open", usage=None, cost=None))

    return work


def test_an_open_session_is_completed(crashed: Any, session: Any, clock: Any) -> None:
    log = crashed(session)
    assert log.recover(clock()) == Recovery((Recovered("s", "2026-11-21T09:30:05.000Z", 3, 1),))
    record = log.session("s")
    assert (record["turns"], record["ended_at"]) == (3, "2026-11-21T09:30:05.000Z")
    assert record["usage"] == {"total_tokens": 17, "seconds": 1.5, "messages": 4}
    lines = [{**LINE, "quantity": 20, "usd": 0.5}]
    assert record["cost"] == {"usd": 0.5, "priced": True, "partial": False, "source": "list; overlay", "date": "2026-11-01", "lines": lines}
    assert record["close"] == {"code": 1006, "reason": "proxy stopped without closing the session", "side": "proxy"}
    assert [(turn["status"], turn.get("ended_at")) for turn in log.turns("s")] == [
        ("completed", None),
        ("completed", None),
        ("interrupted", "2026-11-21T09:30:05.000Z"),
    ]
    assert log.close() == 0


def test_what_is_complete_is_left_alone(crashed: Any, session: Any, clock: Any) -> None:
    log = crashed(session)
    log.recover(clock())
    log.close()
    before = (log.folder / "2026-11-21.jsonl").read_bytes()
    again = Log.open(log.folder.parent, clock=clock)
    assert again.recover(clock()) == again.recover(clock()) == Recovery()
    again.close()
    assert (log.folder / "2026-11-21.jsonl").read_bytes() == before


def test_totals_of_a_session_without_turns_are_kept(crashed: Any, clock: Any, make_session: Make) -> None:
    def work(log: Log) -> None:
        log.session_opened(make_session("s"))
        log.session_changed("s", {"usage": {"seconds": 12.0}, "cost": COST})

    log = crashed(work)
    log.recover(clock())
    record = log.session("s")
    assert (record["usage"], record["cost"], record["turns"]) == ({"seconds": 12.0}, COST, 0)
    log.close()


def test_an_unpriced_turn_makes_the_cost_partial(crashed: Any, clock: Any, make_session: Make, make_turn: Make) -> None:
    def work(log: Log) -> None:
        log.session_opened(make_session("s"))
        log.turn_written(make_turn("s", 1, cost=COST))
        log.turn_written(make_turn("s", 2, cost={**COST, "usd": None, "priced": False, "source": ""}))

    log = crashed(work)
    log.recover(clock())
    cost = log.session("s")["cost"]
    assert (cost["usd"], cost["priced"], cost["partial"], cost["source"]) == (0.25, False, True, "list")
    log.close()


def test_sessions_of_earlier_days_of_the_crashed_run(crashed: Any, clock: Any, make_session: Make) -> None:
    def work(log: Log) -> None:
        log.session_opened(make_session("done"))
        log.session_closed("done", {})
        clock.forward(days=1)
        log.session_opened(make_session("long"))
        clock.forward(days=2)
        log.session_opened(make_session("short"))

    log = crashed(work)
    clock.forward(days=9)
    assert [recovered.session for recovered in log.recover(clock()).sessions] == ["long", "short"]
    log.close()


def test_a_start_that_did_not_recover_leaves_it_to_the_next(tmp_path: Path, crashed: Any, session: Any, clock: Any) -> None:
    crashed(session).close()
    clock.forward(days=3)
    log = Log.open(tmp_path / "crashed", clock=clock)
    assert len(log.recover(clock()).sessions) == 1
    log.close()


def test_an_unfinished_line_is_cut_and_reported(crashed: Any, session: Any, clock: Any) -> None:
    log = crashed(session)
    file = log.folder / "2026-11-21.jsonl"
    with file.open("ab") as damaged:
        damaged.write(b'{"table":"turns","at":"2026')
    recovery = log.recover(clock())
    assert [(torn.file, torn.bytes) for torn in recovery.torn] == [(str(file), 27)]
    assert len(recovery.sessions) == 1
    log.close()
    with log.reader.database("2026-11-21") as db:
        assert db.storage.damage == []


def test_a_lost_lock_file_only_costs_a_look_at_every_day(tmp_path: Path, crashed: Any, session: Any, clock: Any) -> None:
    crashed(session).close()
    lock = tmp_path / "crashed" / "log" / ".lock"
    for content in (b"", b"{", None):
        if content is None:
            lock.unlink()
        else:
            lock.write_bytes(content)
        log = Log.open(tmp_path / "crashed", clock=clock)
        found = log.recover(clock())
        log.close()
        assert len(found.sessions) == (1 if content == b"" else 0)


def test_live_sessions_of_this_run_are_not_touched(crashed: Any, session: Any, clock: Any, make_session: Make) -> None:
    log = crashed(session)
    log.session_opened(make_session("mine"))
    assert [recovered.session for recovered in log.recover(clock()).sessions] == ["s"]
    assert log.session("mine")["ended_at"] is None
    log.close()
