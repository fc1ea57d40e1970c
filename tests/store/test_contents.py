"""Texts stand beside the log: readers see them as they were written, the files of the log never do."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from tinydb import Query
from tinydb import TinyDB
from waiting import soon

from store import contentfolder
from store.clock import stamp
from store.contents import ContentFile
from store.errors import LogUnavailable
from store.keyfile import KeyFile
from store.log import Log
from store.log import LogReader
from store.storage import AppendStorage
from store.table import AppendDB

Make = Callable[..., dict[str, Any]]
DAY = "2026-11-21"


@pytest.fixture
def data(log: Log) -> Path:
    return log.folder.parent


@pytest.fixture
def said(log: Log, make_session: Make, make_turn: Make) -> dict[str, Any]:
    """A turn with every kind of text, written and on the disk."""
    log.session_opened(make_session("s"))
    call = {"name": "lookup", "call_id": "c1", "arguments": '{"number":"4711"}', "arguments_chars": 17, "result": "on its way"}
    turn = make_turn("s", 1, input="where is 4711?", summary="where is 4711?", output="It is on its way.", tool_calls=[call, {"name": "x"}])
    log.turn_written(turn)
    log.commit()
    return turn


def test_readers_see_texts_as_they_were_written(log: Log, data: Path, said: dict[str, Any]) -> None:
    assert log.turns("s") == LogReader(data).turns("s") == [said]
    with LogReader(data).database(DAY) as db:
        assert db.table("turns").all() == [said]
    stock = TinyDB(data / "log" / f"{DAY}.jsonl", storage=AppendStorage, read_only=True)
    assert stock.table("turns").search(Query().output.search("on its way")) == [said]
    assert [record["id"] for record in LogReader(data).sessions(text="ON ITS WAY")] == ["s"]
    assert LogReader(data).sessions(text="nowhere") == []


def test_no_file_holds_them(data: Path, said: dict[str, Any]) -> None:
    files = {path.name: path.read_bytes() for path in data.rglob("*") if path.is_file()}
    assert set(files) >= {f"{DAY}.jsonl", "s.jsonl", "content.keys"}
    for text in ("4711", "on its way", "where is"):
        assert [name for name, found in files.items() if text.encode() in found] == []
        assert [name for name, found in files.items() if hashlib.sha256(text.encode()).hexdigest().encode() in found] == []


def test_a_day_that_is_opened_for_writing_shows_commitments_alone(log: Log, data: Path, said: dict[str, Any]) -> None:
    log.close()
    with AppendDB(data / "log" / f"{DAY}.jsonl") as db:
        found = db.table("turns").all()[0]
        assert set(found["output"]) == set(found["tool_calls"][0]["arguments"]) == {"commit"}
        db.table("turns").update(lambda row: row.update(note="edited"))
    assert LogReader(data).turns("s") == [{**said, "note": "edited"}]


def test_the_same_text_is_another_commitment_in_another_session(log: Log, data: Path, make_session: Make, make_turn: Make) -> None:
    for name in "ab":
        log.session_opened(make_session(name))
        log.turn_written(make_turn(name, 1, output="yes"))
    log.commit()
    lines = [line for line in LogReader(data).lines(DAY) if line.table == "turns"]
    assert len({row["output"]["commit"] for line in lines for row in line.put.values()}) == 2


def test_a_record_that_is_written_again_repeats_no_text(log: Log, data: Path, said: dict[str, Any], make_turn: Make) -> None:
    path = data / "content" / DAY / "s.jsonl"
    lines = len(path.read_bytes().splitlines())
    assert lines == 1 + 4
    for status in ("open", "completed"):
        log.turn_written({**said, "status": status})
    log.turn_amended("s", 1, {"output": "It has arrived."})
    log.commit()
    assert len(path.read_bytes().splitlines()) == lines + 1
    assert log.turns("s") == [{**said, "output": "It has arrived."}]


@pytest.mark.parametrize("text", ["a\ud83d\ude00b", "half \ud83d", "\x00\n", "", "y" * 100_000])
def test_any_text(log: Log, data: Path, make_session: Make, make_turn: Make, text: str) -> None:
    log.session_opened(make_session("s"))
    log.turn_written(make_turn("s", 1, output=text))
    log.commit()
    expected = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    assert log.turns("s")[0]["output"] == LogReader(data).turns("s")[0]["output"] == expected


def test_text_goes_on_after_a_restart(log: Log, data: Path, clock: Any, said: dict[str, Any], make_turn: Make) -> None:
    log.session_closed("s", {})
    log.close()
    again = Log.open(data, clock=clock)
    again.recover(clock())
    again.turn_amended("s", 1, {"output": "later"})
    assert again.turns("s") == [{**said, "output": "later"}]
    again.commit()
    assert LogReader(data).turns("s") == [{**said, "output": "later"}]
    again.close()
    assert (data / "content.keys").stat().st_size == 32


@pytest.mark.parametrize("what", ["file", "key", "line", "keys"])
def test_a_text_that_is_missing_is_said_to_be(log: Log, data: Path, said: dict[str, Any], what: str) -> None:
    path = data / "content" / DAY / "s.jsonl"
    match what:
        case "file":
            path.unlink()
        case "key":
            KeyFile(data).destroy([0])
        case "line":
            path.write_bytes(b"".join(path.read_bytes().splitlines(True)[:-1]))
        case "keys":
            (data / "content.keys").unlink()
    found = LogReader(data).turns("s")[0]
    assert found["content"] == "missing"
    assert found["tool_calls"][0]["result"] is None
    assert (found["output"] is None) == (what != "line")
    assert found["status"] == "completed"


def test_excerpts_of_findings(log: Log, data: Path, clock: Any, make_session: Make) -> None:
    log.session_opened(make_session("s"))
    clock.forward(days=1)
    made = [{"id": f"f{n}", "at": stamp(clock()), "session": owner, "excerpt": f"[card] {n}"} for n, owner in enumerate(["s", None])]
    for finding in made:
        log.finding(finding)
    log.commit()
    assert log.reader.findings(order="asc") == LogReader(data).findings(order="asc") == made
    assert sorted(path.name for path in (data / "content" / "2026-11-22").iterdir()) == ["-.jsonl", "s.jsonl"]
    (data / "content" / "2026-11-22" / "s.jsonl").unlink()
    assert [(row["excerpt"], row.get("content")) for row in LogReader(data).findings(order="asc")] == [
        (None, "missing"),
        ("[card] 1", None),
    ]


def test_no_content_no_files(log: Log, data: Path, make_session: Make, make_turn: Make) -> None:
    log.session_opened(make_session("s"))
    log.turn_written(make_turn("s", 1, input_chars=7))
    log.commit()
    assert sorted(path.name for path in data.iterdir()) == ["log"]


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def test_modes_under_an_open_umask(open_umask: None, tmp_path: Path, clock: Any, make_session: Make, make_turn: Make) -> None:
    data = tmp_path / "data"
    log = Log.open(data, clock=clock, anchor=tmp_path / "anchor")
    log.session_opened(make_session("s"))
    log.turn_written(make_turn("s", 1, output="x"))
    assert log.close() == 0
    modes = {path.relative_to(tmp_path).as_posix(): stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*")}
    assert {path for path, mode in modes.items() if mode == 0o700} == {"data", "data/log", "data/content", f"data/content/{DAY}"}
    assert {path: mode for path, mode in modes.items() if mode != 0o700} == dict.fromkeys(
        [
            *(f"data/log/{DAY}.jsonl", f"data/log/{DAY}.seals", "data/log/.lock", f"data/content/{DAY}/s.jsonl"),
            *("data/content.keys", "data/seal.key", "data/seal.pub", "anchor"),
        ],
        0o600,
    )


def test_links_are_not_followed(tmp_path: Path, clock: Any, make_session: Make, make_turn: Make) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    log = Log.open(tmp_path / "data", clock=clock, retry=0.01)
    (tmp_path / "data" / "content").symlink_to(elsewhere)
    log.session_opened(make_session("s"))
    log.turn_written(make_turn("s", 1, output="x"))
    with pytest.raises(LogUnavailable, match="link"):
        log.commit()
    (tmp_path / "data" / "content").unlink()
    soon(lambda: log.failure is None)
    log.commit()
    assert LogReader(tmp_path / "data").turns("s")[0]["output"] == "x"
    assert list(elsewhere.iterdir()) == []
    log.close()


def test_numbers_of_keys_are_never_given_twice(tmp_path: Path) -> None:
    keys = KeyFile(tmp_path)
    made = [keys.new() for _ in range(4)]
    keys.destroy([made[1][0]])
    keys.flush()
    assert [keys.get(number) for number, _ in made] == [made[0][1], None, made[2][1], made[3][1]]
    keys.destroy([made[3][0]])
    assert KeyFile(tmp_path).new()[0] == 4
    assert (tmp_path / "content.keys").read_bytes() == made[0][1] + bytes(32) + made[2][1] + bytes(32)
    with (tmp_path / "content.keys").open("ab") as file:
        file.write(b"half a key")
    assert KeyFile(tmp_path).new()[0] == 5
    assert KeyFile(tmp_path).get(4) is None


@pytest.mark.parametrize("threads", [True, False])
def test_many_sessions_at_once(
    log: Log, data: Path, make_session: Make, make_turn: Make, monkeypatch: pytest.MonkeyPatch, threads: bool
) -> None:
    if not threads:
        monkeypatch.setattr("threading.Thread.start", _refused)
    names = [f"s{number}" for number in range(40)]
    for name in names:
        log.session_opened(make_session(name))
        log.turn_written(make_turn(name, 1, output=f"{name} speaks"))
    log.commit()
    monkeypatch.undo()
    assert {name: LogReader(data).turns(name)[0]["output"] for name in names} == {name: f"{name} speaks" for name in names}


def _refused(thread: object) -> None:
    raise RuntimeError("can't start new thread")


def test_a_record_waits_for_its_text_and_no_other_does(
    log: Log, data: Path, clock: Any, make_session: Make, make_turn: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = ContentFile.append

    def refuse(file: ContentFile, lines: bytes) -> None:
        if file.path.stem == "b":
            raise OSError(28, "No space left on device")
        append(file, lines)

    for name in "abc":
        log.session_opened(make_session(name))
    log.commit()
    with monkeypatch.context() as patched:
        patched.setattr(ContentFile, "append", refuse)
        for name in "abc":
            with suppress(LogUnavailable):
                log.turn_written(make_turn(name, 1, output="x"))
        with pytest.raises(LogUnavailable, match=r"b\.jsonl"):
            log.commit()
        soon(lambda: contentfolder.sessions(data, DAY) == ["a", "c"])
        found = {name: [turn["output"] for turn in LogReader(data).turns(name)] for name in "abc"}
        assert found == {"a": ["x"], "b": [], "c": []}
    soon(lambda: log.failure is None)
    log.commit()
    assert [LogReader(data).turns(name)[0]["output"] for name in "abc"] == ["x", "x", "x"]
