"""Conditions as people write them, on sessions and findings."""

from __future__ import annotations

from datetime import UTC
from datetime import datetime
from pathlib import Path

import pytest

from store.days import file_of
from store.days import folder_of
from store.filters import FINDING
from store.filters import SESSION
from store.filters import BadFilter
from store.filters import Filter
from store.filters import moment_of
from store.filters import of_words
from store.filters import parsed
from store.reader import LogReader
from store.table import AppendDB

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("", Filter()),
        ("key=kiosk* status=failed", Filter({"principal": "kiosk*", "status": "failed"})),
        ("refund  order", Filter(text="refund order")),
        ("session=ses_1 'two words'", Filter({"id": "ses_1"}, text="two words")),
        ("model='my model'", Filter({"model": "my model"})),
        ("since=2h", Filter(since=datetime(2026, 11, 21, 10, tzinfo=UTC))),
        ("until=2026-11-20T08:00:00Z", Filter(until=datetime(2026, 11, 20, 8, tzinfo=UTC))),
        ("=x 1=2", Filter(text="=x 1=2")),
    ],
)
def test_what_a_line_means(line: str, wanted: Filter) -> None:
    assert parsed(line, SESSION, NOW) == wanted


@pytest.mark.parametrize(
    ("line", "words"),
    [("colour=red", "'colour=red' is no condition"), ("since=soon", "since='soon' is no time"), ("it's", "open quote")],
)
def test_what_cannot_be_meant(line: str, words: str) -> None:
    with pytest.raises(BadFilter, match=words) as caught:
        parsed(line, FINDING, NOW)
    assert caught.value.hint


def test_how_a_moment_is_written() -> None:
    assert moment_of("since", "90m", NOW) == datetime(2026, 11, 21, 10, 30, tzinfo=UTC)
    assert moment_of("since", "2026-11-20T18:00:00+02:00", NOW) == datetime(2026, 11, 20, 16, 0, tzinfo=UTC)
    assert moment_of("since", "2026-11-20", NOW) == datetime(2026, 11, 20).astimezone(UTC)
    for text in ("", "soon", "5", f"{10**9 - 1}w"):
        with pytest.raises(BadFilter, match="is no time"):
            moment_of("since", text, NOW)


def test_words_that_a_shell_has_split() -> None:
    assert of_words(["key=kiosk", "a refund", "now"], SESSION, NOW) == Filter({"principal": "kiosk"}, text="a refund now")


def test_the_log_lists_what_fits(tmp_path: Path) -> None:
    rows = [
        {"id": f"ses_{number}", "started_at": f"2026-11-21T10:00:0{number}.000Z", "ended_at": None, "principal": key}
        for number, key in enumerate(("kiosk-1", "kiosk-2", "lab"))
    ]
    with AppendDB(file_of(folder_of(tmp_path), "2026-11-21")) as database:
        database.table("sessions").insert_multiple(rows)
        database.table("findings").insert_multiple([{"at": row["started_at"], "id": row["id"], "policy": row["principal"]} for row in rows])
    log = LogReader(tmp_path)
    assert [row["id"] for row in log.sessions(globs={"principal": "kiosk-*", "status": "live"})] == ["ses_1", "ses_0"]
    assert [row["id"] for row in log.sessions(globs={"status": "failed"})] == []
    assert [row["id"] for row in log.findings(globs={"policy": "*-2"})] == ["ses_1"]
