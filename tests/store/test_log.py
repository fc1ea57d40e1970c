"""The log as the proxy writes it: records appear at once, survive, stand in the file of their session's day."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tinydb import Query

from store.errors import AmbiguousId
from store.errors import LogUnavailable
from store.log import Log
from store.log import LogLocked
from store.log import LogReader
from store.table import AppendDB

Make = Callable[..., dict[str, Any]]


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_what_was_written_can_be_read_at_once(log: Log, make_session: Make, make_turn: Make) -> None:
    log.session_opened(make_session("sess_1"))
    assert log.session("sess_1") == make_session("sess_1")
    log.session_changed("sess_1", {"turns": 1, "provider_session": "p1"})
    log.turn_written(make_turn("sess_1", 2))
    log.turn_written(make_turn("sess_1", 1, status="open"))
    assert [turn["index"] for turn in log.turns("sess_1")] == [1, 2]
    log.turn_written(make_turn("sess_1", 1, output="hello"))
    log.turn_amended("sess_1", 2, {"input": "late"})
    assert log.turns("sess_1") == [make_turn("sess_1", 1, output="hello"), make_turn("sess_1", 2, input="late")]
    log.session_closed("sess_1", {"close": {"code": 1000, "reason": "", "side": "client"}})
    found = log.session("sess_1")
    assert found is not None
    assert (found["turns"], found["provider_session"], found["ended_at"]) == (1, "p1", found["started_at"])


def test_committed_records_are_what_others_read(log: Log, tmp_path: Path, make_session: Make, make_turn: Make) -> None:
    reader = LogReader(tmp_path)
    log.session_opened(make_session("sess_1"))
    log.turn_written(make_turn("sess_1", 1))
    log.commit()
    assert reader.sessions() == log.sessions() == [make_session("sess_1")]
    assert reader.turns("sess_1") == log.turns("sess_1") == [make_turn("sess_1", 1)]
    log.session_changed("sess_1", {"turns": 5})
    log.commit()
    assert reader.sessions()[0]["turns"] == 5


async def test_waiting_for_the_disk_without_blocking(log: Log, make_session: Make) -> None:
    log.session_opened(make_session("sess_1"))
    await log.committed()
    counters = log.counters
    assert (counters.lines, counters.waiting_lines, counters.waiting_bytes, counters.errors) == (1, 0, 0, 0)


def test_many_lines_to_one_fsync(log: Log, make_session: Make, make_turn: Make) -> None:
    log.session_opened(make_session("sess_1"))
    for index in range(2000):
        log.turn_written(make_turn("sess_1", index))
    log.commit()
    assert log.counters.lines == 2001
    assert log.counters.commits < 2001


def test_records_stand_in_the_file_of_the_day_their_session_started(log: Log, clock: Any, make_session: Make, make_turn: Make) -> None:
    clock.forward(hours=14)
    log.session_opened(make_session("late"))
    clock.forward(hours=1)
    log.session_opened(make_session("early"))
    log.turn_written(make_turn("late", 1))
    log.session_closed("late", {})
    log.session_closed("early", {})
    log.commit()
    assert log.reader.days() == ["2026-11-21", "2026-11-22"]
    first, second = (_lines(log.folder / f"{day}.jsonl")[1:] for day in log.reader.days())
    assert [(line["table"], line["at"][:10]) for line in first] == [
        ("sessions", "2026-11-21"),
        ("turns", "2026-11-22"),
        ("sessions", "2026-11-22"),
    ]
    assert len(second) == 2
    assert [record["id"] for record in log.sessions()] == ["early", "late"]
    assert log.turns("late") == [make_turn("late", 1)]


def test_a_record_can_be_amended_after_its_session_and_its_day(log: Log, clock: Any, make_session: Make, make_turn: Make) -> None:
    log.session_opened(make_session("old"))
    log.turn_written(make_turn("old", 1))
    log.session_closed("old", {})
    clock.forward(days=1)
    log.session_opened(make_session("new"))
    log.commit()
    log.turn_amended("old", 1, {"input": "late"})
    log.session_changed("old", {"grouping": "g"})
    assert log.turns("old") == [make_turn("old", 1, input="late")]
    log.commit()
    assert (LogReader(log.folder.parent).session("old") or {})["grouping"] == "g"


def test_ids_go_on_where_an_earlier_run_stopped(tmp_path: Path, clock: Any, make_session: Make, make_turn: Make) -> None:
    for run in range(3):
        log = Log.open(tmp_path, clock=clock)
        log.recover(clock())
        log.session_opened(make_session(f"run_{run}"))
        log.turn_written(make_turn(f"run_{run}", 1))
        log.session_closed(f"run_{run}", {})
        assert log.close() == 0
    with LogReader(tmp_path).database("2026-11-21") as db:
        assert [row.doc_id for row in db.table("turns")] == [1, 2, 3]
        assert [row["id"] for row in db.table("sessions").search(Query().provider == "sim")] == ["run_0", "run_1", "run_2"]


def test_a_closed_day_can_be_edited_as_a_tinydb(log: Log, clock: Any, make_session: Make) -> None:
    log.session_opened(make_session("a"))
    log.session_closed("a", {})
    assert log.close() == 0
    table = AppendDB(log.folder / "2026-11-21.jsonl").table("sessions")
    assert table.update({"principal": "gone"}, Query().id == "a") == [1]
    assert [record["principal"] for record in LogReader(log.folder.parent).sessions()] == ["gone"]


def test_lists(log: Log, clock: Any, make_session: Make, make_turn: Make) -> None:
    for n in range(6):
        log.session_opened(
            make_session(
                f"s{n}",
                principal=f"k{n % 2}",
                model=f"m{n % 3}",
                upstream_model="up",
                provider_session=f"p{n}",
                grouping="g" if n == 1 else None,
            )
        )
        log.turn_written(make_turn(f"s{n}", 1, output=f"Answer number {n}"))
        if n < 4:
            log.session_closed(f"s{n}", {"close": {"code": 1000 if n else 1011}})
        clock.forward(hours=8)
    ids = {
        "all": {},
        "page": {"limit": 2, "offset": 1},
        "asc": {"order": "asc", "limit": 2},
        "key": {"key": "k0"},
        "model": {"model": "m0"},
        "upstream": {"model": "up", "limit": 1},
        "provider": {"provider": "openai"},
        "live": {"status": "live"},
        "failed": {"status": "failed"},
        "ended": {"status": "ended"},
        "id": {"session_id": "s3"},
        "theirs": {"session_id": "p3"},
        "grouping": {"grouping": "g"},
        "since": {"since": clock() - timedelta(hours=16)},
        "until": {"until": clock() - timedelta(hours=40)},
        "text": {"text": "NUMBER 4"},
    }
    found = {name: "".join(record["id"][1] for record in log.sessions(**conditions)) for name, conditions in ids.items()}
    assert found == {
        "all": "543210",
        "page": "43",
        "asc": "01",
        "key": "420",
        "model": "30",
        "upstream": "5",
        "provider": "",
        "live": "54",
        "failed": "0",
        "ended": "321",
        "id": "3",
        "theirs": "3",
        "grouping": "1",
        "since": "54",
        "until": "0",
        "text": "4",
    }


def test_a_page_looks_only_at_the_days_it_needs(log: Log, clock: Any, make_session: Make) -> None:
    for n in range(5):
        log.session_opened(make_session(f"s{n}"))
        log.session_closed(f"s{n}", {})
        clock.forward(days=1)
    log.commit()
    (log.folder / "2026-11-21.jsonl").write_bytes(b'{"voicetap":"log","version":99}\n')
    assert [record["id"] for record in LogReader(log.folder.parent).sessions(limit=3)] == ["s4", "s3", "s2"]


def test_text_that_was_replaced_is_not_found(log: Log, make_session: Make, make_turn: Make) -> None:
    log.session_opened(make_session("s"))
    log.turn_written(make_turn("s", 1, output="secret"))
    assert log.sessions(text="secret")
    log.turn_written(make_turn("s", 1, output="[redacted]"))
    assert not log.sessions(text="secret")


def test_a_session_by_the_beginning_of_its_id(log: Log, make_session: Make) -> None:
    for name in ("sess_ab", "sess_ac", "sess_b", "sess_bc"):
        log.session_opened(make_session(name))
    assert (log.session("sess_ac") or {})["id"] == "sess_ac"
    assert (log.session("sess_b") or {})["id"] == "sess_b"
    assert log.session("nothing") is None
    assert log.session("") is None
    assert log.turns("nothing") == []
    with pytest.raises(AmbiguousId, match="2 sessions: sess_ab, sess_ac"):
        log.session("sess_a")


def test_what_a_caller_does_to_a_result_changes_nothing(log: Log, make_session: Make) -> None:
    log.session_opened(make_session("s", client={"agent": "a"}))
    for found in (log.sessions()[0], log.session("s") or {}):
        found["client"]["agent"] = "changed"
    assert log.sessions()[0]["client"] == {"agent": "a"}


def test_follow_gives_what_is_written_from_now_on(log: Log, clock: Any, make_session: Make) -> None:
    log.session_opened(make_session("before"))
    log.commit()
    follower = LogReader(log.folder.parent).follow()
    assert follower.poll() == []
    clock.forward(days=1)
    log.session_opened(make_session("after"))
    log.session_closed("before", {})
    log.commit()
    assert [(line.table, *line.put, *line.set) for line in follower.poll()] == [("sessions", "1"), ("sessions", "1")]
    assert follower.poll() == []


def test_one_writer(log: Log, tmp_path: Path) -> None:
    with pytest.raises(LogLocked, match="in use by process") as caught:
        Log.open(tmp_path)
    assert caught.value.pid is not None
    log.close()
    Log.open(tmp_path).close()


def test_nobody_else_writes_to_a_day_that_the_log_has_open(log: Log, make_session: Make) -> None:
    log.session_opened(make_session("s"))
    log.commit()
    with pytest.raises(BlockingIOError):
        _try_lock(log.folder / "2026-11-21.jsonl")


def _try_lock(path: Path) -> None:
    import fcntl

    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_modes_of_folders_and_files(log: Log, make_session: Make) -> None:
    log.session_opened(make_session("s"))
    log.commit()
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (log.folder, *log.folder.iterdir())}
    assert modes == {"log": 0o700, ".lock": 0o600, "2026-11-21.jsonl": 0o600}


def test_a_folder_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "log").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(LogUnavailable, match="symbolic link"):
        Log.open(tmp_path)
    assert not list((tmp_path / "elsewhere").iterdir())


def test_wrong_calls(log: Log, make_session: Make, make_turn: Make) -> None:
    log.session_opened(make_session("s"))
    with pytest.raises(ValueError, match="open already"):
        log.session_opened(make_session("s"))
    with pytest.raises(ValueError, match="Invalid isoformat"):
        log.session_opened(make_session("t", started_at="../../../etc"))
    with pytest.raises(LogUnavailable, match="not in the log"):
        log.session_closed("unknown", {})
    with pytest.raises(LogUnavailable, match="no turn 3"):
        log.turn_amended("s", 3, {})
    log.close()
    with pytest.raises(LogUnavailable, match="closed"):
        log.turn_written(make_turn("s", 1))


def test_only_days_with_live_sessions_and_the_newest_stay_open(log: Log, clock: Any, make_session: Make) -> None:
    log.session_opened(make_session("long"))
    for n in range(5):
        clock.forward(days=1)
        log.session_opened(make_session(f"s{n}"))
        log.commit()
        log.session_closed(f"s{n}", {})
    log.commit()
    log.session_closed("long", {})
    log.commit()
    log.session_opened(make_session("last"))
    descriptors = {path.resolve().name for path in Path("/proc/self/fd").iterdir() if path.resolve().parent == log.folder}
    assert descriptors == {".lock", "2026-11-26.jsonl"}
