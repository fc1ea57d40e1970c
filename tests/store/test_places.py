"""Where records stand: whatever was written, and however, looking one up gives what reading everything gives."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from tinydb import where

from store import newest
from store.dayreader import DayReader
from store.days import file_of
from store.errors import LogFormat
from store.glances import glances
from store.log import Log
from store.log import LogReader
from store.places import Places
from store.places import Uncommon
from store.query import Wanted
from store.replay import Replay
from store.replay import Tail
from store.table import AppendDB
from store.tables import BILLING
from store.tables import FINDINGS
from store.tables import SESSIONS
from store.tables import TURNS
from store.whole import Table
from store.whole import WholeTable

Make = Callable[..., dict[str, Any]]
DAY = "2026-11-21"
HEADER = b'{"voicetap":"log","version":2,"chain":"c","seq":0,"prev":"p"}\n'


def rows(path: Path, table: str) -> dict[int, Any]:
    """All documents, read from the whole file."""
    replay = Replay(path)
    replay.refresh()
    return {int(number): row for number, row in replay.tables.rows.get(table, {}).items()}


def check(found: Table, path: Path, table: str) -> None:
    """It answers as the whole file does."""
    found.refresh()
    known = rows(path, table)
    assert dict(found.items(found.documents())) == known
    assert found.documents() == [*known]
    owner, moment = ("id", "started_at") if table == SESSIONS else ("session", "index" if table == TURNS else "at")
    for name in {row[owner] for row in known.values() if row[owner]}:
        mine = [number for number, row in known.items() if row[owner] == name]
        assert found.documents(name) == mine
        assert name in found.names
        assert [known[number][moment] for number in found.in_order(name)] == sorted(known[number][moment] for number in mine)
        assert {found.name(number) for number in mine} == {name}
    assert [known[number][moment] for number in found.in_order()] == sorted(row[moment] for row in known.values())


def write(log: Log, clock: Any, make_session: Make, make_turn: Make, chance: Random) -> Iterator[None]:
    """Sessions that run at once, turns that are written again and amended, findings and bills, step by step."""
    for number in range(6):
        log.session_opened(make_session(f"s{number}", route=None))
        yield
    for step in range(60):
        name = f"s{chance.randrange(6)}"
        clock.forward(seconds=chance.random())
        match step % 5:
            case 0:
                log.turn_written(make_turn(name, chance.randrange(1, 5), input=f"words {step}", status="open"))
            case 1:
                log.session_changed(name, {"turns": step, "usage": {"total_tokens": step}})
            case 2:
                log.session_changed(name, {"route": f"r{step}"})
            case 3:
                log.finding({"id": f"f{step}", "at": clock().isoformat(), "session": name if step % 2 else None, "excerpt": "x"})
            case 4:
                log.billed({"session": name, "row": step, "at": clock().isoformat(), "unit": "token", "quantity": step})
        yield


@pytest.mark.parametrize("table", [SESSIONS, TURNS, FINDINGS, BILLING])
def test_while_it_is_written(log: Log, clock: Any, make_session: Make, make_turn: Make, table: str) -> None:
    path = file_of(log.folder, DAY)
    places, whole = Places(path, table), WholeTable(path, table)
    for number, _ in enumerate(write(log, clock, make_session, make_turn, Random(3))):
        if number % 7 == 0:
            log.commit()
            check(places, path, table)
            check(whole, path, table)
    log.commit()
    check(places, path, table)


def test_what_waits_for_the_disk_counts_for_who_writes(log: Log, make_session: Make, make_turn: Make) -> None:
    log.session_opened(make_session("s"))
    log.commit()
    for index in range(1, 4):
        log.turn_written(make_turn("s", index, input="x" * 40_000))
        assert [turn["index"] for turn in log.turns("s")] == [*range(1, index + 1)]
        assert log.reader.turns("s", indices={index})[0]["input"] == "x" * 40_000
    log.session_changed("s", {"route": "r"})
    assert log.session("s") == {**make_session("s"), "route": "r"}


@pytest.mark.parametrize(
    "change",
    [
        lambda table: table.remove(where("id") == "s2"),
        lambda table: table.update({"route": "r"}),
        lambda table: table.truncate(),
        lambda table: table.insert_multiple(
            [{"id": "s8", "started_at": "2026-11-21T08:00:00.000Z"}, {"id": "s9", "started_at": "2026-11-21T08:00:00.000Z"}]
        ),
        lambda table: table.update({"id": "s7"}, where("id") == "s2"),
        lambda table: table.update({"started_at": "2026-11-21T01:00:00.000Z"}, where("id") == "s3"),
    ],
)
def test_a_day_that_was_edited_reads_the_same(tmp_path: Path, change: Callable[[Any], Any]) -> None:
    reader = LogReader(tmp_path)
    path = file_of(reader.folder, DAY)
    with AppendDB(path) as database:
        table = database.table("sessions")
        for number in range(1, 5):
            table.insert({"id": f"s{number}", "started_at": f"2026-11-21T10:00:0{number}.000Z"})
        assert [row["id"] for row in reader.sessions()] == ["s4", "s3", "s2", "s1"]
        change(table)
    known = sorted(rows(path, SESSIONS).values(), key=lambda row: str(row["started_at"]))[::-1]
    assert reader.sessions() == known
    assert [reader.session(row["id"]) for row in known] == known
    check(DayReader(tmp_path).table(DAY, SESSIONS), path, SESSIONS)


@pytest.mark.parametrize(
    "line",
    [
        b'{"table":"sessions","put":{"1":{"id":"a"},"2":{"id":"b"}}}',
        b'{"table":"sessions","drop":[1]}',
        b'{"table":"sessions","clear":true}',
        b'{"table":"sessions","put":{"01":{"id":"a"}}}',
        b'{"table":"sessions","put":{"99999999":{"id":"a"}}}',
        b'{"table":"sessions","put":{"1":{"id":7}}}',
    ],
)
def test_what_the_proxy_does_not_write_is_not_followed(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "day.jsonl"
    path.write_bytes(HEADER + line + b"\n")
    with pytest.raises(Uncommon):
        Places(path, SESSIONS).refresh()


def test_damage_is_left_out_and_a_later_version_refused(tmp_path: Path) -> None:
    path = tmp_path / "day.jsonl"
    torn = b'{"table":"sessions","put":{"1":{"id":"a","sta'
    whole = b'{"table":"sessions","put":{"2":{"id":"b"}}}'
    path.write_bytes(HEADER + torn + b"\n" + whole + b"\n" + torn)
    places = Places(path, SESSIONS)
    places.refresh()
    assert dict(places.items(places.documents())) == {2: {"id": "b"}}
    path.write_bytes(b'{"voicetap":"log","version":99}\n')
    with pytest.raises(LogFormat, match="version 99"):
        places.refresh()


def test_a_file_that_is_another_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "day.jsonl"
    path.write_bytes(HEADER + b'{"table":"sessions","put":{"1":{"id":"first"}}}\n')
    places = Places(path, SESSIONS)
    places.refresh()
    other = tmp_path / "other.jsonl"
    other.write_bytes(HEADER + b'{"table":"sessions","put":{"1":{"id":"second"}}}\n')
    other.replace(path)
    places.refresh()
    assert [*places.names] == ["second"]


def test_glances_are_of_records_as_they_stand_now(tmp_path: Path) -> None:
    path = file_of(tmp_path, DAY)
    with AppendDB(path) as database:
        for number in range(3):
            database.table("findings").insert({"id": f"f{number}", "at": f"2026-11-21T10:00:0{number}Z", "session": None, "kind": "policy"})
        database.table("findings").update({"kind": "limit"}, where("id") == "f1")
    for made in (Places(path, FINDINGS), WholeTable(path, FINDINGS)):
        made.refresh()
        assert [(glance.id, glance.kind) for _, glance in glances(made, made.documents())] == [
            ("f0", "policy"),
            ("f1", "limit"),
            ("f2", "policy"),
        ]


def test_what_was_made_of_a_day_stays_until_its_file_changes(log: Log, make_session: Make) -> None:
    counted: list[str] = []

    def count(reader: LogReader, day: str) -> int:
        counted.append(day)
        return len(reader.of_day(day, Wanted()))

    log.session_opened(make_session("a"))
    log.commit()
    reader = LogReader(log.folder.parent)
    assert [reader.made(DAY, count) for _ in range(3)] == [1, 1, 1]
    log.session_opened(make_session("b"))
    log.commit()
    assert reader.made(DAY, count) == 2
    assert counted == [DAY, DAY]
    assert log.reader.made(DAY, count) == 2
    log.session_opened(make_session("c"))
    assert log.reader.made(DAY, count) == 3


def test_only_a_file_that_changed_is_looked_at_again(tmp_path: Path) -> None:
    path = tmp_path / "day.jsonl"
    tail = Tail(path)
    assert not tail.is_behind()
    path.write_bytes(HEADER)
    assert tail.is_behind()
    assert [data for _, data in tail.lines()] == [HEADER.rstrip()]
    assert not tail.is_behind()
    with path.open("ab") as file:
        file.write(b"torn")
    assert tail.is_behind()
    other = tmp_path / "other.jsonl"
    other.write_bytes(HEADER)
    other.replace(path)
    assert tail.is_behind()
    assert len([*tail.lines()]) == 1


def test_the_newest_sessions_of_a_long_day_are_those_of_the_whole(
    log: Log, clock: Any, make_session: Make, make_turn: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(newest, "STEPS", (4_000, 12_000))
    chance = Random(5)
    for number in range(120):
        clock.forward(seconds=chance.random())
        log.session_opened(make_session(f"s{number}"))
        if number > 5:
            name = f"s{chance.randrange(number - 5, number)}"
            log.session_changed(name, {"turns": number})
            log.turn_written(make_turn(name, 1))
    log.commit()
    whole = LogReader(log.folder.parent)
    whole.table(DAY, SESSIONS)
    path = file_of(log.folder, DAY)
    told = []
    for count in (1, 2, 5, 10, 20, 40, 119, 120, 121):
        reader = LogReader(log.folder.parent)
        assert reader.sessions(limit=count) == whole.sessions(limit=count)
        told.append(newest.newest(path, count) is not None)
        reader.catch_up()
        assert reader.sessions(limit=count) == whole.sessions(limit=count)
    assert told[:4] == [True] * 4
    assert told[-3:] == [False] * 3


def test_what_was_edited_or_is_of_another_time_is_not_taken_from_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(newest, "STEPS", (2_000,))
    path = tmp_path / "day.jsonl"
    one = b'{"table":"sessions","at":"%b","put":{"%d":{"id":"s%d","started_at":"%b"}}}\n'
    times = [f"2026-11-21T10:{number // 60:02d}:{number % 60:02d}.000Z".encode() for number in range(200)]
    good = [one % (at, number, number, at) for number, at in enumerate(times, 1)]
    path.write_bytes(HEADER + b"".join(good))
    assert [row["id"] for row in newest.newest(path, 2) or []] == ["s200", "s199"]
    for odd in (b'{"table":"sessions","drop":[199]}\n', b'{"table":"sessions","clear":true}\n'):
        path.write_bytes(HEADER + b"".join(good) + odd)
        assert newest.newest(path, 2) is None
    early = [one % (at, number, number, b"2026-11-21T09:00:00.000Z") for number, at in enumerate(times, 1)]
    path.write_bytes(HEADER + b"".join(early))
    assert newest.newest(path, 2) is None
    assert newest.newest(tmp_path / "none.jsonl", 2) is None
