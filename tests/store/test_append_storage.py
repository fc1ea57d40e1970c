"""Files of the store: unfinished and damaged lines, modes, links, versions, and several processes on one file."""

from __future__ import annotations

import json
import multiprocessing
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from store.errors import LogFormat
from store.errors import LogUnavailable
from store.journal import Journal
from store.lines import HEADER
from store.lines import Line
from store.lines import encode
from store.state import State
from store.storage import AppendStorage
from store.table import AppendDB


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "db.jsonl"


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_that_ends_anywhere_keeps_every_whole_line(path: Path) -> None:
    table = AppendDB(path).table("t")
    table.insert({"n": 1})
    whole = path.stat().st_size
    table.insert({"n": 2, "text": "schön"})
    data = path.read_bytes()
    for cut in range(whole, len(data)):
        path.write_bytes(data[:cut])
        assert AppendDB(path, read_only=True).table("t").all() == [{"n": 1}]
        assert path.stat().st_size == cut, "reading cut the file"
        again = AppendDB(path)
        again.table("t").insert({"n": 3})
        assert again.storage.torn == cut - whole
        assert AppendDB(path).table("t").all() == [{"n": 1}, {"n": 3}]


def test_an_unfinished_line_longer_than_a_block_is_cut(path: Path) -> None:
    path.write_bytes(HEADER + b"x" * 300_000)
    journal = Journal(path)
    journal.append(b"{}\n")
    assert journal.torn == 300_000
    assert path.read_bytes() == HEADER + b"{}\n"


def test_lines_longer_than_a_block_are_read(path: Path) -> None:
    texts = ["a" * 600_000, "b", "c" * 300_000]
    AppendDB(path).table("t").insert_multiple({"text": text} for text in texts)
    AppendDB(path).table("t").insert({"text": texts[0]})
    assert [row["text"] for row in AppendDB(path).table("t")] == [*texts, texts[0]]


def test_a_damaged_line_is_left_out_and_reported(path: Path) -> None:
    db = AppendDB(path)
    db.table("t").insert({"n": 1})
    start = path.stat().st_size
    with path.open("ab") as file:
        file.write(b"\0" * 20 + b'"}\n' + encode(Line(table="t", put={"2": {"n": 2}})) + b'{"table":"t","put":{"x":{}}}\n')
    read = AppendDB(path)
    assert read.table("t").all() == [{"n": 1}, {"n": 2}]
    assert read.storage.damage[0].offset == start
    assert len(read.storage.damage) == 2


def test_an_unknown_version_is_refused(path: Path) -> None:
    path.write_bytes(b'{"voicetap":"log","version":3}\n')
    with pytest.raises(LogFormat, match=r"db\.jsonl.*version 3"):
        AppendDB(path)


def test_unknown_members_are_ignored(path: Path) -> None:
    path.write_bytes(HEADER + b'{"table":"t","prev":"abc","put":{"1":{"n":1}}}\n')
    assert AppendDB(path).table("t").all() == [{"n": 1}]


def test_modes_under_an_open_umask(tmp_path: Path, open_umask: None) -> None:
    state = State(tmp_path / "new" / "data")
    state.keys.insert({})
    assert _mode(tmp_path / "new") == _mode(tmp_path / "new" / "data") == 0o700
    assert _mode(tmp_path / "new" / "data" / "state.jsonl") == 0o600


def test_a_file_that_others_could_read_is_closed_to_them(path: Path) -> None:
    path.touch(0o644)
    AppendDB(path).table("t").insert({})
    assert _mode(path) == 0o600


def test_an_existing_data_folder_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    State(tmp_path).keys.insert({})
    assert _mode(tmp_path) == 0o755


@pytest.mark.parametrize("target", ["elsewhere", "missing"])
def test_a_symbolic_link_is_not_followed(path: Path, target: str) -> None:
    elsewhere = path.with_name("elsewhere")
    elsewhere.touch()
    path.symlink_to(path.with_name(target))
    with pytest.raises(OSError, match="symbolic"):
        AppendDB(path)
    with pytest.raises(OSError, match="symbolic"):
        Journal(path).append(b"{}\n")
    assert elsewhere.read_bytes() == b""
    assert not path.with_name("missing").exists()


def test_only_regular_files(path: Path) -> None:
    os.mkfifo(path)
    with pytest.raises(OSError, match="regular"):
        Journal(path).append(b"{}\n")


def test_reading_never_writes(path: Path) -> None:
    db = AppendDB(path, read_only=True)
    with pytest.raises(LogFormat, match="reading"):
        db.table("t").insert({})
    assert db.table("t").all() == []
    assert not path.exists()


def test_a_replaced_or_shorter_file_is_read_anew(path: Path) -> None:
    db = AppendDB(path)
    db.table("t").insert_multiple([{"n": 1}, {"n": 2}])
    reader = AppendDB(path, read_only=True)
    other = AppendDB(path.with_name("other.jsonl"))
    other.table("t").insert({"n": 9})
    other.storage.path.rename(path)
    assert reader.refresh()
    assert reader.table("t").all() == [{"n": 9}]
    path.unlink()
    assert reader.refresh()
    assert reader.table("t").all() == []


def test_a_failed_write_leaves_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    db = AppendDB(path)
    db.table("t").insert({"n": 1})
    before = path.read_bytes()

    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", fail)
        with pytest.raises(LogUnavailable, match="make room"):
            db.table("t").insert({"n": 2})
    assert path.read_bytes() == before
    assert db.table("t").all() == [{"n": 1}]
    db.table("t").insert({"n": 3})
    assert AppendDB(path).table("t").all() == [{"n": 1}, {"n": 3}]


def _insert(data: Path, who: int, count: int) -> None:
    state = State(data)
    for n in range(count):
        state.keys.insert({"who": who, "n": n})
        state.table("count").update(lambda row: row.update(n=row["n"] + 1))


def test_processes_share_a_state(tmp_path: Path) -> None:
    state = State(tmp_path)
    state.table("count").insert({"n": 0})
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=_insert, args=(tmp_path, who, 40)) for who in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert state.refresh()
    assert sorted((row["who"], row["n"]) for row in state.keys) == [(who, n) for who in range(3) for n in range(40)]
    assert len({row.doc_id for row in state.keys}) == 120
    assert state.table("count").all() == [{"n": 120}]


def test_check_and_change_as_one_step(tmp_path: Path) -> None:
    one, other = State(tmp_path), State(tmp_path)
    one.keys.insert({"id": "a"})
    with other.exclusive():
        assert other.keys.all() == [{"id": "a"}]
        other.keys.insert({"id": "b"})
    assert one.keys.insert({"id": "c"}) == 3


def test_the_shape_of_the_file(path: Path) -> None:
    AppendDB(path).table("t").insert({"text": "a\nb\r\u2028"})
    header, line = path.read_bytes().split(b"\n")[:2]
    assert json.loads(header) == {"voicetap": "log", "version": 1}
    assert line.startswith(b'{"table":"t","at":"20')
    assert json.loads(line)["put"] == {"1": {"text": "a\nb\r\u2028"}}


def test_a_path_may_be_text(path: Path) -> None:
    assert AppendStorage(str(path)).path == path


def grown(path: Path, rows: int = 40) -> AppendDB:
    """A file of more than a MiB, of which nearly all is history."""
    db = AppendDB(path)
    db.table("keys").insert({"id": "kept"})
    table = db.table("t")
    for number in range(rows):
        table.insert({"n": number, "text": "x" * 30_000})
    table.remove(doc_ids=range(1, rows - 1))
    return db


def test_a_file_of_history_is_written_anew_and_says_the_same(path: Path) -> None:
    db, other = grown(path), AppendDB(path)
    other.refresh()
    before = path.stat().st_size
    db.storage.tidy()
    assert path.stat().st_size < before / 10
    assert _mode(path) == 0o600
    assert path.read_bytes().startswith(HEADER)
    for reader in (db, other, AppendDB(path, read_only=True)):
        reader.refresh()
        assert reader.table("keys").all() == [{"id": "kept"}]
        assert {row.doc_id: row["n"] for row in reader.table("t").all()} == {39: 38, 40: 39}
    assert other.table("t").insert({"n": 99}) == 41
    assert db.refresh()
    assert [row["n"] for row in db.table("t").all()] == [38, 39, 99]


def test_it_is_written_anew_only_once_it_has_doubled(path: Path) -> None:
    db = grown(path)
    db.storage.tidy()
    inode = path.stat().st_ino
    db.table("t").insert({"text": "x" * 30_000})
    db.storage.tidy()
    assert path.stat().st_ino == inode
    small = AppendDB(path.with_name("small.jsonl"))
    small.table("t").insert({"n": 1})
    small.storage.tidy()
    assert [line["table"] for line in map(json.loads, small.storage.path.read_text().splitlines()[1:])] == ["t"]


def test_who_waited_for_the_old_file_writes_to_the_new_one(path: Path) -> None:
    db, other = grown(path), AppendDB(path)
    entered, written = threading.Event(), threading.Event()

    def write() -> None:
        entered.set()
        other.table("t").insert({"n": "from the other"})
        written.set()

    with db.exclusive():
        thread = threading.Thread(target=write)
        thread.start()
        assert entered.wait(20)
        db.storage.tidy()
        db.table("t").insert({"n": "from this"})
        assert not written.is_set()
    thread.join(20)
    assert [row["n"] for row in AppendDB(path).table("t").all()[-2:]] == ["from this", "from the other"]


def test_what_a_crash_left_of_a_new_file_is_in_nobodys_way(path: Path) -> None:
    db = grown(path)
    path.with_name(f"{path.name}.new").write_bytes(b"half a li")
    db.storage.tidy()
    assert not path.with_name(f"{path.name}.new").exists()
    assert AppendDB(path).table("keys").all() == [{"id": "kept"}]


def test_a_file_that_cannot_be_written_anew_stays_as_it_is(path: Path) -> None:
    db = grown(path)
    path.with_name(f"{path.name}.new").mkdir()
    before = path.read_bytes()
    with pytest.raises(LogUnavailable):
        db.storage.tidy()
    assert path.read_bytes() == before
    db.table("t").insert({"n": 7})
    assert [row["n"] for row in AppendDB(path).table("t").all()] == [38, 39, 7]
