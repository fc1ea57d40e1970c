"""`findings` and what `tail` shows of them over a log of files: conditions, forms, and output that stays inert."""

from __future__ import annotations

import csv
import io
import json
import unicodedata
from datetime import UTC
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from commandline import Cli

from store.export.native import FIELDS
from store.log import Log

HOSTILE = "=1+1 \x1b[31mred\x1b]0;pwned\x07 \u202egnp.exe \u2028 \x9b2J @end"
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def finding(number: int, kind: str, action: str, **more: Any) -> dict[str, Any]:
    made = dict.fromkeys(FIELDS) | {"id": f"fnd_{number:016x}", "at": f"2026-11-21T09:30:{number:02d}.000Z", "mode": "enforce"}
    return made | {"kind": kind, "action": action, "severity": "low", "detail": {}} | more


@pytest.fixture(autouse=True)
def log(data: Path) -> None:
    """Four findings, three of them of a session."""
    made = Log.open(data)
    opened = {"id": "ses_1", "started_at": "2026-11-21T09:30:00.000Z", "ended_at": None, "principal": "kiosk", "route": "eu"}
    made.session_opened(opened | {"provider": "sim", "model": "m", "transport": "websocket"})
    made.finding(finding(1, "policy", "redact", policy="cards", severity="high", session="ses_1", principal="kiosk", excerpt=HOSTILE))
    made.finding(finding(2, "policy", "block", policy="tools", mode="monitor", session="ses_1", principal="kiosk"))
    made.finding(finding(3, "refusal", "refuse", model=HOSTILE, detail={"reason": HOSTILE, "address": "127.0.0.1"}))
    made.finding(finding(4, "revocation", "kill", session="ses_1", principal="kiosk", detail={"reason": "ended by the operator"}))
    made.close()


def ids(text: str) -> list[int]:
    return [int(record["id"][4:], 16) for record in json.loads(text)]


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ([], [4, 3, 2, 1]),
        (["kind=policy"], [2, 1]),
        (["kind=re*"], [4, 3]),
        (["policy=cards"], [1]),
        (["severity=high", "key=k*"], [1]),
        (["mode=monitor"], [2]),
        (["action=refuse"], [3]),
        (["session=ses_1", "--limit", "1"], [4]),
        (["since=2026-11-21T09:30:03Z"], [4, 3]),
        (["until=2026-11-21T09:30:02Z"], [1]),
        (["since=2026-11-21T09:30:02Z", "until=2026-11-21T10:30:04+01:00"], [3, 2]),
    ],
)
def test_conditions(cli: Cli, conditions: list[str], expected: list[int]) -> None:
    assert ids(cli("findings", "--json", *conditions).out) == expected


def test_words(cli: Cli) -> None:
    assert ids(cli("findings", "--json", "ended by the OPERATOR").out) == [4]
    assert ids(cli("findings", "--json", "operator", "kind=policy").out) == []


@pytest.mark.parametrize("condition", ["colour=red", "since=soon", "transport=webrtc"])
def test_a_condition_that_is_none(cli: Cli, condition: str) -> None:
    found = cli("findings", condition)
    assert found.code == 2
    assert "error VT105: " in found.err


def test_lines_are_the_oldest_first(cli: Cli) -> None:
    for form in ("native", "ecs", "ocsf"):
        out = cli("findings", "--format", form).out
        assert out.isascii()
        assert len(out.splitlines()) == 4
        assert "fnd_0000000000000001" in out.splitlines()[0]
        assert out == cli("findings", "--format", form).out


def test_a_terminal_is_left_alone(cli: Cli) -> None:
    for words in (("findings",), ("tail",), ("findings", "--format", "csv")):
        out = cli(*words).out
        assert "gnp.exe" in out
        assert "\x07" not in out
        assert {sign for sign in out if unicodedata.category(sign) in ("Cc", "Cf", "Cs")} <= {"\n"}


def test_a_spreadsheet_computes_nothing(cli: Cli) -> None:
    rows = list(csv.DictReader(io.StringIO(cli("findings", "--format", "csv").out)))
    assert tuple(rows[0]) == FIELDS
    assert [row["excerpt"][:2] for row in rows] == ["'=", "", "", ""]
    assert rows[2]["model"].startswith("'=1+1 red ")
    assert json.loads(rows[3]["detail"]) == {"reason": "ended by the operator"}


def test_tail_shows_them_among_its_events(cli: Cli) -> None:
    shown = [line.split()[1:3] for line in cli("tail").out.splitlines()]
    assert shown == [["ses_1", "open"], *[["ses_1", "finding"]] * 2, ["-", "finding"], ["ses_1", "finding"]]
    assert "high policy redact, kiosk: cards, “=1+1 red " in cli("tail", "policy=cards").out


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        (["kind=finding"], 4),
        (["kind=policy"], 2),
        (["kind=open"], 1),
        (["key=kiosk"], 4),
        (["route=eu"], 4),
        (["severity=low"], 3),
        (["policy=*", "kind=finding", "session=ses_*"], 3),
        (["status=live", "kind=revocation"], 1),
        (["kind=turn"], 0),
    ],
)
def test_conditions_of_tail(cli: Cli, conditions: list[str], expected: int) -> None:
    lines = [json.loads(line) for line in cli("tail", "--json", *conditions).out.splitlines()]
    assert len(lines) == expected
