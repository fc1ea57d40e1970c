"""Sessions that run and those of the log are one list, also those that the log does not have yet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from portserver import DAY
from portserver import session

from store.days import file_of
from store.days import folder_of
from store.query import Order
from store.reader import LogReader
from store.table import AppendDB
from web.paging import Page
from web.sessionlist import listed

ANY: dict[str, Any] = {"globs": {}, "since": None, "until": None, "text": None}


@pytest.fixture
def log(tmp_path: Path) -> LogReader:
    with AppendDB(file_of(folder_of(tmp_path), DAY)) as database:
        for number in range(1, 7):
            database.table("sessions").insert(session(number))
    return LogReader(tmp_path)


@pytest.mark.parametrize("order", ["desc", "asc"])
@pytest.mark.parametrize("limit", [1, 2, 3, 5, 20])
@pytest.mark.parametrize("unlogged", [[], [0], [3.5], [9], [0, 2.5, 9]])
def test_every_page_is_a_part_of_the_whole(log: LogReader, order: Order, limit: int, unlogged: list[float]) -> None:
    live = [session(2, turns=5, ended_at=None)]
    live += [session(0, id=f"new_{at}", started_at=f"{DAY}T10:00:{at:06.3f}Z", ended_at=None) for at in unlogged]
    moments = {f"new_{at}": at for at in unlogged} | {f"ses_{number}": float(number) for number in range(1, 7)}
    whole = sorted(moments, key=moments.__getitem__, reverse=order == "desc")
    for offset in range(0, len(whole) + 1, limit):
        shown, more = listed(log, live, Page(limit, offset, order), ANY)
        part = whole[offset : offset + limit]
        assert [record["id"] for record in shown] == part
        assert more == (len(whole) > offset + limit)
        assert {record["id"] for record in shown if record["live"]} == {record["id"] for record in live} & {*part}
        assert all(record["turns"] == (5 if record["id"] == "ses_2" else 2) for record in shown)
