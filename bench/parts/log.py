"""What the log costs while it grows: turns of about 1.7 KB, twenty a session, in one day's file.

An insert is measured as the proxy pays for it (the call returns before the disk does), and acknowledged, that is together
with the commit that waits for fsync.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from datetime import UTC
from datetime import datetime
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any
from typing import Final

from bench.run import Row
from bench.run import Run
from store.log import Log
from store.reader import LogReader

_TURNS: Final = 20
_EARLY: Final = 100
"""The record at which an insert is measured first; the last one is that of the scale."""

_AROUND: Final = 60
_TEXT: Final = "where is my order and when will it be here, you said it would come on tuesday and it did not "


def _seconds(work: Callable[[], Any]) -> float:
    began = perf_counter()
    work()
    return perf_counter() - began


def _turn(session: str, index: int) -> Row:
    return {
        "session": session,
        "index": index,
        "id": f"resp_{session}_{index:020d}",
        "trigger": "client",
        "status": "completed",
        "started_at": "2026-11-21T09:00:00.000Z",
        "ended_at": "2026-11-21T09:00:04.000Z",
        "model": "bench",
        "tools": ["lookup_order", "cancel_order"],
        "usage": {"total_tokens": 1_250, "input_tokens": 850, "output_tokens": 400, "input_audio_tokens": 600, "output_audio_tokens": 320},
        "cost": {"usd": "0.0312", "source": "bench", "date": "2026-11-21"},
        "clocks": {"first_output_ms": 310.5, "first_audio_ms": 342.1, "done_ms": 4_020.9},
        "audio": {"in_seconds": 5.0, "out_seconds": 3.2},
        "input": _TEXT * 5,
        "output": _TEXT * 5,
    }


class _Writer:
    """Fills a log and notes what the inserts around two places cost."""

    def __init__(self, log: Log, records: int) -> None:
        self._log = log
        self._records = records
        self.inserts: dict[str, list[float]] = {"early": [], "late": []}
        self.acknowledged: dict[str, list[float]] = {"early": [], "late": []}

    def fill(self) -> None:
        for number in range(self._records):
            session, index = f"sess_{number // _TURNS:06d}", number % _TURNS
            if index == 0:
                self._log.session_opened({"id": session, "started_at": datetime.now(UTC).isoformat(), "ended_at": None, "model": "bench"})
            self._insert(number, _turn(session, index))
            if index == _TURNS - 1:
                self._log.session_closed(session, {"turns": _TURNS})

    def _insert(self, number: int, record: Row) -> None:
        place = "early" if abs(number - _EARLY) <= _AROUND else "late" if self._records - number <= 2 * _AROUND else None
        took = _seconds(lambda: self._log.turn_written(record))
        if place is None:
            if number % 1_000 == 0:
                self._log.commit()
        elif number % 2:
            self.inserts[place].append(took)
        else:
            self.acknowledged[place].append(took + _seconds(self._log.commit))


def _measured(records: int, data: Path) -> Row:
    log = Log.open(data)
    try:
        writer = _Writer(log, records)
        filled = _seconds(writer.fill)
        log.commit()
        newest = log.sessions(limit=1)[0]["id"]
        page = median(_seconds(lambda: log.sessions(limit=50)) for _ in range(9))
        turns = median(_seconds(lambda: log.turns(newest)) for _ in range(5))
    finally:
        log.close()
    cold = _seconds(lambda: LogReader(data).sessions(limit=50))
    costs = {f"insert_{place}_us": median(took) * 1e6 for place, took in writer.inserts.items()}
    costs |= {f"acknowledged_{place}_ms": median(took) * 1e3 for place, took in writer.acknowledged.items()}
    reads = {"page_ms": page * 1e3, "cold_page_ms": cold * 1e3, "turns_ms": turns * 1e3}
    return {"peer": "voicetap", "records": records, **costs, **reads, "inserts_per_s": records / filled}


async def measure(run: Run) -> list[Row]:
    """One row: inserts at record 100 and at the last, a page of 50 sessions warm and from a fresh reader, the turns of one session."""
    with tempfile.TemporaryDirectory(prefix="bench-") as data:
        row = await asyncio.to_thread(_measured, run.scale.records, Path(data))
    run.say(f"  {row}")
    return [row]
