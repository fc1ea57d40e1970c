"""Whatever is done to a log afterwards is found, and at the right line."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from waiting import soon

from store.chain import digest
from store.chain import linked
from store.clock import utc_now
from store.log import Log
from store.log import LogReader
from store.table import AppendDB
from store.verify import Report
from store.verify import verify

Make = Callable[..., dict[str, Any]]
DAYS = ("2026-11-21", "2026-11-22", "2026-11-23")


@pytest.fixture
def data(tmp_path: Path, clock: Any, make_session: Make, make_turn: Make) -> Path:
    """Three days of a log that was closed properly."""
    folder = tmp_path / "data"
    for day in range(3):
        log = Log.open(folder, clock=clock)
        log.recover(clock())
        for session in ("a", "b"):
            name = f"{session}{day}"
            log.session_opened(make_session(name))
            for index in range(1, 6):
                log.turn_written(make_turn(name, index, input=f"what about {index}?", output=f"{name} says {index}", summary=""))
                log.commit()
            log.session_closed(name, {})
        assert log.close() == 0
        clock.forward(days=1)
    return folder


def _first(report: Report) -> tuple[str, int] | None:
    found = report.bad
    return None if found is None or found.bad is None else (found.file, found.bad.line)


def _file(data: Path, day: int) -> Path:
    return data / "log" / f"{DAYS[day]}.jsonl"


def _rewritten(lines: list[bytes], start: int, prev: str) -> list[bytes]:
    """Lines from `start` on with links that fit again, as one makes them who knows how."""
    made = lines[:start]
    for number, line in enumerate(lines[start:], start):
        bare = line[: line.rindex(b',"seq":')] + b"}\n"
        made.append(linked(bare, number, prev)[:-1])
        prev = digest(made[-1])
    return made


def test_an_untouched_log_is_fine(data: Path) -> None:
    report = verify(data)
    assert _first(report) is None
    assert [(file.file, file.lines, file.sealed, file.torn, file.unchained) for file in report.files] == [
        (f"{day}.jsonl", 15, 15, 0, 0) for day in DAYS
    ]
    assert (report.texts, report.erased) == (60, 0)
    assert report.bytes == sum(_file(data, day).stat().st_size for day in range(3))


@dataclass
class Change:
    """What is done to the lines of a file, which are changed, and at which of them, counted from 0, that is to be found."""

    name: str
    lines: list[bytes]
    at: int


@st.composite
def changes(draw: st.DrawFn, lines: list[bytes]) -> Change:
    number = draw(st.integers(0, len(lines) - 1))
    kind = draw(st.sampled_from(["flip", "insert", "forge", "repeat", "delete", "swap", "move", "truncate", "cut", "rewrite"]))
    made = list(lines)
    match kind:
        case "flip":
            at = draw(st.integers(0, len(made[number]) - 1))
            old = made[number][at]
            new = draw(st.integers(0, 255).filter(lambda value: value not in (old, 10)))
            made[number] = made[number][:at] + bytes([new]) + made[number][at + 1 :]
        case "insert":
            made.insert(number, draw(st.sampled_from([b"", b"{}", b'{"table":"turns","at":"x"}'])))
        case "forge":
            count = draw(st.integers(1, 3))
            number = max(1, number)
            forged = [b'{"table":"turns","at":"x","seq":0,"prev":""}'] * count
            whole = _rewritten([*made[:number], *forged], number, digest(made[number - 1]))
            made = [*whole, *lines[number:]]
        case "repeat":
            made.insert(number + 1, made[number])
            number += 1
        case "delete":
            del made[number]
        case "swap":
            other = draw(st.integers(0, len(made) - 1).filter(lambda value: value != number))
            made[number], made[other] = made[other], made[number]
            number = min(number, other)
        case "move":
            other = draw(st.integers(0, len(made) - 1).filter(lambda value: value != number))
            made.insert(other, made.pop(number))
            number = min(number, other)
        case "truncate":
            del made[number:]
        case "cut":
            made[-1] = made[-1][: draw(st.integers(0, len(made[-1]) - 1))]
            made = [*made[:-1], b"cut" + made[-1]]
            number = len(made) - 1
        case "rewrite":
            number = max(1, number)
            made[number] = made[number].replace(b'"at":"2026', b'"at":"2025')
            made = _rewritten(made, number, digest(made[number - 1]))
            number = len(made) - 1
    return Change(kind, made, number)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.data())
def test_every_change_is_found_at_its_line(data: Path, drawn: st.DataObject) -> None:
    day = drawn.draw(st.integers(0, 2))
    path = _file(data, day)
    before = path.read_bytes()
    change = drawn.draw(changes(before.splitlines()))
    end = b"" if change.name == "cut" else b"\n"
    path.write_bytes(b"\n".join(change.lines) + end if change.lines else b"")
    try:
        assert _first(verify(data)) == (path.name, change.at + 1), change.name
    finally:
        path.write_bytes(before)


def test_a_seal_that_was_changed_or_made_by_another(data: Path, tmp_path: Path) -> None:
    seals = _file(data, 1).with_suffix(".seals")
    before = seals.read_bytes()
    seals.write_bytes(before.replace(b'"seq":14', b'"seq":13'))
    assert _first(verify(data)) == (seals.name, 1)
    assert "signature does not fit" in str(verify(data).bad)
    seals.write_bytes(b"nothing\n" + before)
    assert "cannot be read" in str(verify(data).bad)
    seals.write_bytes(before)
    other = Log.open(tmp_path / "other")
    other.session_opened({"id": "s", "started_at": "2026-11-21T00:00:00.000Z"})
    other.close()
    assert _first(verify(data, public=tmp_path / "other" / "seal.pub")) == (f"{DAYS[0]}.seals", 1)
    assert verify(data, public=data / "seal.pub").bad is None


@pytest.mark.parametrize("day", [0, 1, 2])
def test_a_day_that_is_gone(data: Path, day: int) -> None:
    _file(data, day).unlink()
    assert _first(verify(data)) == (_file(data, day).name, 1)
    _file(data, day).with_suffix(".seals").unlink()
    found = verify(data).bad
    if day == 2:
        assert found is None, "nothing in the folder says that there was a third day"
    else:
        assert "the first line of" in str(found)


@pytest.mark.parametrize("seconds", [9.0, 13.0])
def test_seals_that_are_gone(tmp_path: Path, clock: Any, make_session: Make, seconds: float) -> None:
    log = Log.open(tmp_path, clock=clock, seal_every=10.0)
    for number in range(5):
        log.session_opened(make_session(f"s{number}"))
        clock.forward(seconds=seconds)
    log.session_opened(make_session("later"))
    log.close()
    assert verify(tmp_path).files[0].warning is None
    file = tmp_path / "log" / f"{DAYS[0]}.jsonl"
    file.with_suffix(".seals").unlink()
    found = verify(tmp_path)
    assert _first(found) == (file.name, 1)
    assert "its seals are missing" in str(found.bad)
    (tmp_path / "seal.pub").unlink()
    assert _first(verify(tmp_path)) == (file.name, 1), "the file says it by itself"


def test_seals_that_may_never_have_been(tmp_path: Path, clock: Any, make_session: Make) -> None:
    log = Log.open(tmp_path, clock=clock, seal_every=10.0)
    for number in range(3):
        log.session_opened(make_session(f"s{number}"))
        clock.forward(hours=8)
    log.close()
    day = tmp_path / "log" / f"{DAYS[0]}.jsonl"
    day.with_suffix(".seals").unlink()
    (tmp_path / "log" / ".lock").write_bytes(b"nothing that is known")
    found = verify(tmp_path)
    assert found.bad is None, "the computer may have slept between two records, and the proxy have stopped right after"
    assert "within 10 s" in str(found.files[0].warning)
    assert found.files[-1].warning is None


def test_a_log_that_was_closed_is_sealed(data: Path) -> None:
    _file(data, 2).with_suffix(".seals").unlink()
    found = verify(data)
    assert _first(found) == (_file(data, 2).name, 1)
    assert "ended properly" in str(found.bad)
    (data / "log" / ".lock").unlink()
    assert verify(data).bad is None
    assert verify(data).files[2].warning is not None
    running = Log.open(data)
    assert verify(data).bad is None, "its first seal may be yet to come"
    running.close()


def test_what_the_anchor_says(tmp_path: Path, clock: Any, make_session: Make) -> None:
    anchor = tmp_path / "elsewhere"
    log = Log.open(tmp_path / "data", clock=clock, anchor=anchor)
    for name in "abc":
        log.session_opened(make_session(name))
        log.commit()
        log._sealer.seal()
    log.close()
    assert verify(tmp_path / "data", anchor=anchor).bad is None
    file = tmp_path / "data" / "log" / f"{DAYS[0]}.jsonl"
    lines, seals = file.read_bytes().splitlines(True), file.with_suffix(".seals").read_bytes().splitlines(True)
    assert (len(lines), len(seals)) == (4, 3)
    file.write_bytes(b"".join(lines[:-1]))
    file.with_suffix(".seals").write_bytes(b"".join(seals[:-1]))
    assert verify(tmp_path / "data").bad is None, "to a folder that was set back nothing can be seen from inside"
    assert _first(verify(tmp_path / "data", anchor=anchor)) == (file.name, 4)


def _content(data: Path, session: str) -> Path:
    return next((data / "content").glob(f"*/{session}.jsonl"))


@pytest.mark.parametrize("what", ["flip", "delete", "empty", "foreign key", "another session's", "file"])
def test_texts_that_were_changed(data: Path, what: str) -> None:
    path = _content(data, "b1")
    lines = path.read_bytes().splitlines(True)
    assert len(lines) == 11
    match what:
        case "flip":
            lines[3] = lines[3].replace(lines[3][-20:-10], b"AAAAAAAAAA")
        case "delete":
            del lines[3]
        case "empty":
            lines = lines[:3]
        case "foreign key":
            lines[0] = _content(data, "a1").read_bytes().splitlines(True)[0]
        case "another session's":
            lines = _content(data, "a1").read_bytes().splitlines(True)
    path.write_bytes(b"".join(lines))
    if what == "file":
        path.unlink()
    found = verify(data).bad
    assert found is not None
    assert found.bad is not None
    line = {"flip": 11, "delete": 11, "empty": 11}.get(what, 10)
    assert (found.file, found.bad.line) == (f"{DAYS[1]}.jsonl", line), found.bad.why
    assert ("was changed" in found.bad.why) == (what in ("flip", "foreign key"))


def test_a_file_from_before_there_was_a_chain(tmp_path: Path, clock: Any, make_session: Make) -> None:
    file = tmp_path / "log" / f"{DAYS[0]}.jsonl"
    AppendDB(file, clock=clock).table("sessions").insert(make_session("old"))
    report = verify(tmp_path)
    assert (report.bad, report.files[0].unchained, report.files[0].lines) == (None, 2, 2)
    log = Log.open(tmp_path, clock=clock)
    log.recover(clock())
    log.session_opened(make_session("new"))
    assert [record["id"] for record in log.sessions(order="asc")] == ["old", "new"]
    log.close()
    report = verify(tmp_path)
    assert (report.bad, report.files[0].unchained, report.files[0].lines, report.files[0].sealed) == (None, 2, 5, 5)
    assert [record["id"] for record in LogReader(tmp_path).sessions(order="asc")] == ["old", "new"]
    file.write_bytes(file.read_bytes().replace(b'"kiosk"', b'"other"', 1))
    assert _first(verify(tmp_path)) == (file.name, 1)


def test_an_edit_of_a_closed_day_stays_in_the_chain(data: Path) -> None:
    with AppendDB(_file(data, 0)) as db:
        db.table("sessions").update({"grouping": "x"}, doc_ids=[1])
        db.table("sessions").update({"grouping": "y"}, doc_ids=[1])
    report = verify(data)
    assert (report.bad, report.files[0].lines, report.files[0].sealed) == (None, 17, 15)
    log = Log.open(data)
    log.recover(utc_now())
    log.session_changed("a0", {"grouping": "z"})
    log.close()
    report = verify(data)
    assert (report.bad, report.files[0].lines, report.files[0].sealed) == (None, 18, 18)


def test_a_copy_of_a_log_that_is_being_written(tmp_path: Path, clock: Any, make_session: Make, make_turn: Make) -> None:
    log = Log.open(tmp_path / "data", clock=clock, seal_every=0.01)
    log.session_opened(make_session("s"))
    for index in range(200):
        log.turn_written(make_turn("s", index, input=f"said {index}"))
        if index % 40 == 0:
            log.commit()
            soon((tmp_path / "data" / "seal.pub").exists)  # its key is made with the first seal, by way of another file
            shutil.copytree(tmp_path / "data", tmp_path / f"copy{index}")
            assert verify(tmp_path / f"copy{index}").bad is None
            assert verify(tmp_path / "data").bad is None
    log.close()
    report = verify(tmp_path / "data")
    assert (report.texts, report.files[0].lines, report.files[0].sealed) == (200, 202, 202)


def test_the_example_of_the_page(data: Path) -> None:
    """What `docs/audit.md` says of a line can be computed from the file alone."""
    for day in range(3):
        prev = hashlib.sha256(b"").hexdigest()
        for number, line in enumerate(_file(data, day).read_bytes().splitlines()):
            made = json.loads(line)
            assert (made["seq"], made["prev"]) == (number, prev)
            prev = hashlib.sha256(line).hexdigest()
    first = json.loads(_file(data, 1).read_bytes().splitlines()[0])
    last = _file(data, 0).read_bytes().splitlines()[-1]
    assert first["after"] == {
        "file": f"{DAYS[0]}.jsonl",
        "chain": json.loads(_file(data, 0).read_bytes().splitlines()[0])["chain"],
        "seq": 14,
        "head": hashlib.sha256(last).hexdigest(),
    }
