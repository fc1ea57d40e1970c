"""A disk that refuses: the failure shows, what waits is bounded and kept, and all of it is written when there is room again."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from waiting import soon

from store.errors import LogUnavailable
from store.log import Log
from store.log import LogReader

Make = Callable[..., dict[str, Any]]
ROOT = Path(__file__).parents[2]


class Disk:
    """Lets fsync fail, or wait, while told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.error: OSError | None = None
        self.open = threading.Event()
        self.open.set()
        self._fsync = os.fsync
        monkeypatch.setattr(os, "fsync", self)

    def __call__(self, descriptor: int) -> None:
        self.open.wait()
        if self.error is not None:
            raise self.error
        self._fsync(descriptor)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


def _wait_for_success(log: Log) -> None:
    soon(lambda: log.failure is None)
    log.commit()


def test_a_file_that_may_not_grow(tmp_path: Path) -> None:
    command = [sys.executable, str(Path(__file__).with_name("log_limited.py")), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, text=True, check=True)
    seen = json.loads(done.stdout)
    assert 0 < seen["acknowledged"] < 100
    assert seen["waiting"] >= 100 - seen["acknowledged"]
    assert "may not grow" in seen["failure"]
    assert seen["failure"] == seen["error"]
    assert seen["kept"] is True
    assert seen["readable"] == 100
    assert (seen["after"], seen["lost"], seen["dropped"]) == (0, 0, 0)
    assert [turn["index"] for turn in LogReader(tmp_path).turns("s")] == list(range(1, 101))
    assert done.stderr.count("the log cannot be written") == 1


def test_nothing_is_acknowledged_before_fsync_succeeds(log: Log, clock: Any, disk: Disk, make_session: Make, make_turn: Make) -> None:
    log.session_opened(make_session("s"))
    log.commit()
    file = log.folder / "2026-11-21.jsonl"
    before = file.read_bytes()
    disk.error = OSError(errno.EIO, "Input/output error")
    log.turn_written(make_turn("s", 1))
    with pytest.raises(LogUnavailable, match="Input/output"):
        log.commit()
    assert log.failure is not None
    assert log.failure.since == clock()
    with pytest.raises(LogUnavailable) as caught:
        log.turn_written(make_turn("s", 2))
    assert caught.value.kept
    assert LogReader(log.folder.parent).session("s") == make_session("s")
    assert len(log.turns("s")) == 2
    disk.error = None
    _wait_for_success(log)
    assert file.read_bytes().startswith(before)
    assert len(LogReader(log.folder.parent).turns("s")) == 2
    assert log.counters.errors >= 1


async def test_waiting_for_a_disk_that_refuses_ends(log: Log, disk: Disk, make_session: Make) -> None:
    disk.error = OSError(errno.ENOSPC, "No space left on device")
    log.session_opened(make_session("s"))
    with pytest.raises(LogUnavailable, match="make room"):
        await log.committed()
    with pytest.raises(LogUnavailable, match="make room"):
        log.commit()
    disk.error = None
    _wait_for_success(log)


def test_writing_goes_on_while_the_disk_is_slow(log: Log, disk: Disk, make_session: Make, make_turn: Make) -> None:
    disk.open.clear()
    log.session_opened(make_session("s"))
    for index in range(100):
        log.turn_written(make_turn("s", index))
    assert len(log.turns("s")) == 100
    assert log.counters.lines == 0
    disk.open.set()
    log.commit()
    assert log.counters.commits <= 3


@pytest.mark.parametrize("limits", [{"max_lines": 5}, {"max_bytes": 3200}])
def test_a_full_buffer_refuses_and_counts(tmp_path: Path, clock: Any, disk: Disk, make_session: Make, make_turn: Make, limits: Any) -> None:
    log = Log.open(tmp_path, clock=clock, retry=0.01, **limits)
    log.recover(clock())
    disk.error = OSError(errno.ENOSPC, "No space left on device")
    log.session_opened(make_session("s"))
    kept = []
    for index in range(5):
        try:
            log.turn_written(make_turn("s", index, output=f"{index}" * 500))
            kept.append(True)
        except LogUnavailable as error:
            kept.append(error.kept)
    assert kept == [True, True, False, False, False]
    with pytest.raises(LogUnavailable, match="buffer of the log is full"):
        log.session_opened(make_session("t", padding="y" * 900))
    with pytest.raises(LogUnavailable, match="lost"):
        log.session_closed("t", {})
    assert log.counters.dropped == 4
    disk.error = None
    _wait_for_success(log)
    log.turn_written(make_turn("s", 9))
    assert log.close() == 0
    assert [turn["index"] for turn in LogReader(tmp_path).turns("s")] == [0, 1, 9]


def test_closing_tells_what_was_lost(tmp_path: Path, clock: Any, disk: Disk, make_session: Make, caplog: pytest.LogCaptureFixture) -> None:
    log = Log.open(tmp_path, clock=clock)
    log.recover(clock())
    log.session_opened(make_session("kept"))
    log.commit()
    disk.error = OSError(errno.ENOSPC, "No space left on device")
    log.session_opened(make_session("lost"))
    assert log.close() == 1
    assert "1 line(s) of the log could not be written and are lost" in caplog.text
    disk.error = None
    again = Log.open(tmp_path, clock=clock)
    assert [recovered.session for recovered in again.recover(clock()).sessions] == ["kept"]
    again.close()


def test_a_day_file_that_is_a_link(tmp_path: Path, clock: Any, make_session: Make) -> None:
    (tmp_path / "elsewhere").write_bytes(b"")
    log = Log.open(tmp_path, clock=clock, retry=0.01)
    log.recover(clock())
    link = log.folder / "2026-11-21.jsonl"
    link.symlink_to(tmp_path / "elsewhere")
    log.session_opened(make_session("s"))
    with pytest.raises(LogUnavailable, match="symbolic link"):
        log.commit()
    link.unlink()
    _wait_for_success(log)
    assert (tmp_path / "elsewhere").read_bytes() == b""
    log.close()


def test_an_error_nobody_thought_of_does_not_end_the_thread(log: Log, make_session: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path) -> None:
        raise MemoryError

    with monkeypatch.context() as broken:
        broken.setattr("store.journal.sync_folder", fail)
        log.session_opened(make_session("s"))
        with pytest.raises(LogUnavailable, match="MemoryError"):
            log.commit()
    _wait_for_success(log)
    assert len(LogReader(log.folder.parent).sessions()) == 1
