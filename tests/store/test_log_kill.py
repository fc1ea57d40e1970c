"""A writer that is killed at any moment loses nothing that it acknowledged, and readers never see half a record."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from store.clock import utc_now
from store.log import Log
from store.log import LogLocked
from store.log import LogReader
from store.verify import verify

ROOT = Path(__file__).parents[2]


def _writer(data: Path, session: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(Path(__file__).with_name("log_writer.py")), str(data), session]
    return subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, env={"PYTHONPATH": str(ROOT)})


def _acknowledged(process: subprocess.Popen[bytes]) -> int:
    """The last number the killed process printed whole."""
    assert process.stdout is not None
    lines = process.stdout.read().split(b"\n")[:-1]
    return int(lines[-1]) if lines else 0


def test_kill_at_random_moments(tmp_path: Path) -> None:
    acknowledged: dict[str, int] = {}
    for run in range(20):
        process = _writer(tmp_path, f"run_{run}")
        assert process.stdout is not None
        first = int(process.stdout.readline())
        time.sleep(random.uniform(0, 0.02))  # the moment is the test; nothing waits for it
        process.kill()
        acknowledged[f"run_{run}"] = max(first, _acknowledged(process))
        process.wait()
        process.stdout.close()
        assert verify(tmp_path).bad is None
    log = Log.open(tmp_path)
    recovery = log.recover(utc_now())
    assert [recovered.session for recovered in recovery.sessions] == ["run_19"]
    records = {record["id"]: record for record in log.sessions(limit=None)}
    for session, least in acknowledged.items():
        indexes = [turn["index"] for turn in log.turns(session)]
        assert indexes == list(range(1, len(indexes) + 1))
        assert len(indexes) >= least
        record = records[session]
        assert (record["turns"], record["usage"]) == (len(indexes), {"total_tokens": 2 * len(indexes)})
        assert record["ended_at"] >= record["started_at"]
        assert record["close"]["code"] == 1006
        assert [len(turn["output"]) for turn in log.turns(session)] == [index * 37 % 4000 for index in indexes]
    assert log.close() == 0
    assert verify(tmp_path).bad is None
    with log.reader.database(log.reader.days()[0]) as db:
        assert db.storage.damage == []


def test_reading_while_another_process_writes(tmp_path: Path) -> None:
    process = _writer(tmp_path, "run")
    reader = LogReader(tmp_path)
    try:
        assert process.stdout is not None
        for _ in range(60):
            acknowledged = int(process.stdout.readline())
            record = reader.session("run")
            assert record is not None
            assert record["turns"] >= acknowledged
            turns = reader.turns("run")
            assert len(turns) >= acknowledged
            assert all(len(turn["output"]) == turn["index"] * 37 % 4000 for turn in turns)
        with pytest.raises(LogLocked, match=f"in use by process {process.pid}") as caught:
            Log.open(tmp_path)
        assert caught.value.pid == process.pid
    finally:
        process.kill()
        process.communicate()
    assert len(reader.turns("run")) >= acknowledged
