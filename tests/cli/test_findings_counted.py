"""`findings --by`: the hits of each policy, key or day, as a table, CSV and JSON."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from commandline import Cli

from cli.findings import By
from store.counts import BY
from store.counts import counted
from store.export.native import FIELDS
from store.log import Log


def finding(number: int, policy: str | None, mode: str, key: str | None, session: str | None, day: str = "21") -> dict[str, Any]:
    made = dict.fromkeys(FIELDS) | {"id": f"fnd_{number:016x}", "at": f"2026-11-{day}T09:30:{number:02d}.000Z", "kind": "policy"}
    return made | {
        "policy": policy,
        "mode": mode,
        "action": "redact",
        "severity": "low",
        "principal": key,
        "session": session,
        "detail": {},
    }


FOUND = [
    finding(1, "cards", "monitor", "kiosk", "ses_1"),
    finding(2, "cards", "monitor", "kiosk", "ses_1"),
    finding(3, "cards", "monitor", "shop", "ses_2"),
    finding(4, "cards", "enforce", "kiosk", "ses_3"),
    finding(5, "=2+2 \x1b[31mmails", "monitor", "kiosk", "ses_1", day="22"),
    finding(6, None, "enforce", None, None, day="22") | {"kind": "refusal", "action": "refuse"},
]


@pytest.fixture(autouse=True)
def log(data: Path) -> None:
    made = Log.open(data)
    for record in FOUND:
        made.finding(record)
    made.close()


def test_every_way_to_count_can_be_chosen() -> None:
    assert {by.value for by in By} == set(BY)


def test_by_policy_and_key(cli: Cli) -> None:
    header, *rows = [line.split() for line in cli("findings", "--by", "policy", "--by", "key").out.splitlines()]
    assert header == ["policy", "mode", "action", "key", "hits", "sessions", "first", "last"]
    assert [row[:6] for row in rows[:3]] == [
        ["cards", "monitor", "redact", "kiosk", "2", "1"],
        ["=2+2", "mails", "monitor", "redact", "kiosk", "1"],
        ["cards", "enforce", "redact", "kiosk", "1", "1"],
    ]
    assert len(rows) == 4


def test_conditions_choose_what_is_counted(cli: Cli) -> None:
    found = cli("findings", "mode=monitor", "policy=*", "--by", "key", "--json").json
    assert found == {
        "by": ["key"],
        "rows": [
            {"principal": "kiosk", "hits": 3, "sessions": 1, "first": "2026-11-21T09:30:01.000Z", "last": "2026-11-22T09:30:05.000Z"},
            {"principal": "shop", "hits": 1, "sessions": 1, "first": "2026-11-21T09:30:03.000Z", "last": "2026-11-21T09:30:03.000Z"},
        ],
    }


def test_what_belongs_to_no_key_is_counted_too(cli: Cli) -> None:
    assert [row["principal"] for row in cli("findings", "--by", "key", "--json").json["rows"]] == ["kiosk", None, "shop"]
    assert [row["day"] for row in cli("findings", "--by", "day", "--json").json["rows"]] == ["2026-11-21", "2026-11-22"]


def test_a_spreadsheet_computes_nothing(cli: Cli) -> None:
    rows = list(csv.DictReader(io.StringIO(cli("findings", "--by", "policy", "--format", "csv").out)))
    assert [(row["policy"], row["hits"]) for row in rows] == [("cards", "3"), ("'=2+2 mails", "1"), ("cards", "1")]


def test_counts_have_no_form_of_a_siem(cli: Cli) -> None:
    found = cli("findings", "--by", "policy", "--format", "ocsf")
    assert found.code == 2
    assert "error VT105: counts have no form ocsf" in found.err


def test_nothing_found_counts_nothing() -> None:
    assert counted([], ["policy"]) == []
