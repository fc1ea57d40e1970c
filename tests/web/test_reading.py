"""Reading beside the traffic: functions run with the log in other processes, faults are told, nothing stays behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from portserver import DAY
from portserver import session
from readable_pages import asleep
from readable_pages import body_of
from waiting import eventually
from waiting import soon

from store.days import file_of
from store.days import folder_of
from store.errors import LogUnavailable
from store.reader import LogReader
from store.table import AppendDB
from web.body import PART
from web.paging import Page
from web.reading import PROCESSES
from web.reading import Readers
from web.sessionlist import listed


@pytest.fixture
async def readers(tmp_path: Path) -> AsyncIterator[Readers]:
    with AppendDB(file_of(folder_of(tmp_path), DAY)) as database:
        database.table("sessions").insert_multiple([session(1), session(2)])
    made = Readers(tmp_path)
    yield made
    await made.close()
    await eventually(lambda: children() == [])


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The processes find `readable_pages`."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (str(Path(__file__).parent), os.environ.get("PYTHONPATH")))))


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    """Is there once `asleep` has begun."""
    return tmp_path / "asleep"


def children() -> list[int]:
    """The processes that read."""
    return [child.pid for child in psutil.Process().children() if _reads(child)]


def _reads(process: psutil.Process) -> bool:
    try:
        return "web.readingprocess" in process.cmdline()
    except psutil.NoSuchProcess:
        return False


async def ids(readers: Readers, now: list[dict[str, Any]] | None = None) -> list[str]:
    rows, _ = await readers.work(listed, now or [], Page(10, 0, "desc"), {})
    return [row["id"] for row in rows]


async def test_a_function_gets_the_log_and_what_is_given(readers: Readers) -> None:
    assert await ids(readers, [session(3, ended_at=None)]) == ["ses_3", "ses_2", "ses_1"]
    assert await readers.work(LogReader.session, "ses_2") == session(2)


async def test_what_is_large_comes_in_parts(readers: Readers) -> None:
    pieces = [b"a", b"b" * PART, b"", b"c" * 3]
    body = await readers.work(body_of, pieces)
    assert bytes(body) == b"".join(pieces)
    assert [len(part) for part in body.parts] == [PART, 4]
    assert bytes(await readers.work(body_of, [])) == b""


async def test_it_sees_what_is_written_later(readers: Readers, tmp_path: Path) -> None:
    assert await ids(readers) == ["ses_2", "ses_1"]
    with AppendDB(file_of(folder_of(tmp_path), DAY)) as database:
        database.table("sessions").insert(session(4))
    assert await ids(readers) == ["ses_4", "ses_2", "ses_1"]


async def test_so_many_at_once_and_no_more(readers: Readers) -> None:
    assert children() == []
    found = await asyncio.gather(*(ids(readers) for _ in range(8)))
    assert found == [["ses_2", "ses_1"]] * 8
    assert len(children()) <= PROCESSES


async def test_faults_of_the_log_are_told(readers: Readers) -> None:
    with pytest.raises(LogUnavailable, match="fits 2 sessions"):
        await readers.work(LogReader.session, "ses")
    assert await ids(readers) == ["ses_2", "ses_1"]


async def test_one_that_dies_is_replaced(readers: Readers) -> None:
    await ids(readers)
    (process,) = children()
    os.kill(process, signal.SIGKILL)
    with pytest.raises(LogUnavailable, match="ended"):
        await ids(readers)
    assert await ids(readers) == ["ses_2", "ses_1"]


def test_they_end_with_the_one_who_asks_however_that_ends(tmp_path: Path) -> None:
    script = f"""
import asyncio, os, signal, psutil
from pathlib import Path
from store.reader import LogReader
from web.reading import Readers
from web.sessionlist import listed

async def main():
    await Readers(Path({str(tmp_path)!r})).work(LogReader.days)
    print(psutil.Process().children()[0].pid)
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-u", "-c", script], cwd=root, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    soon(lambda: not psutil.pid_exists(int(done.stdout)))


async def test_one_that_nobody_waits_for_reads_on_for_the_next(readers: Readers) -> None:
    await ids(readers)
    (process,) = children()
    task = asyncio.create_task(ids(readers))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert await asyncio.gather(*(ids(readers) for _ in range(3))) == [["ses_2", "ses_1"]] * 3
    assert process in children()


async def test_one_that_nobody_waits_for_any_longer_is_ended(readers: Readers, mark: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("web.reading.ABANDONED_SECONDS", 0.0)
    task = asyncio.create_task(readers.work(asleep, mark))
    await eventually(mark.exists)
    (process,) = children()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await eventually(lambda: process not in children())
    assert await ids(readers) == ["ses_2", "ses_1"]


async def test_who_waits_while_all_end_is_told(readers: Readers, mark: Path) -> None:
    task = asyncio.create_task(readers.work(asleep, mark))
    await eventually(mark.exists)
    await readers.close()
    with pytest.raises(LogUnavailable, match="ended"):
        await task
