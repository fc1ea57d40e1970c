"""Logs with a clock that tests set, and records as the proxy writes them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from collections.abc import Iterator
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from erasestage import Stage

from store.clock import stamp
from store.log import Log

Record = dict[str, Any]
MORNING = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)


class SetClock:
    """Time stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = MORNING

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **by: float) -> None:
        self.now += timedelta(**by)


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def make_session(clock: SetClock) -> Callable[..., Record]:
    """A record of a session that starts now."""

    def make(id: str, **fields: Any) -> Record:
        record: Record = {
            "id": id,
            "started_at": stamp(clock()),
            "ended_at": None,
            "principal": "kiosk",
            "provider": "sim",
            "model": "gpt-realtime",
        }
        return {**record, "turns": 0, "usage": {"total_tokens": 0}, "cost": None, "close": None, "error": None, "grouping": None, **fields}

    return make


@pytest.fixture
def make_turn() -> Callable[..., Record]:
    def make(session: str, index: int, **fields: Any) -> Record:
        return {"session": session, "index": index, "id": f"resp_{index}", "status": "completed", **fields}

    return make


@pytest.fixture
def log(tmp_path: Path, clock: SetClock) -> Iterator[Log]:
    log = Log.open(tmp_path, clock=clock, retry=0.01)
    log.recover(clock())
    yield log
    log.close()


@pytest.fixture
def stage(log: Log, clock: SetClock, make_session: Callable[..., Record], make_turn: Callable[..., Record]) -> Stage:
    return Stage(log, clock, make_session, make_turn)


@pytest.fixture
def left_behind(tmp_path: Path, clock: SetClock) -> Callable[[Callable[[Log], None]], Path]:
    """The data folder of a process that did something and then was no more."""

    def crash(work: Callable[[Log], None]) -> Path:
        log = Log.open(tmp_path / "running", clock=clock)
        log.recover(clock())
        work(log)
        log.commit()
        shutil.copytree(tmp_path / "running", tmp_path / "crashed")
        log.close()
        clock.forward(hours=1)
        return tmp_path / "crashed"

    return crash
