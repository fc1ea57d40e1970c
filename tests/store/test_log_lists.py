"""Findings and billing rows: in the file of their own day, listed by what is asked, and never without a bound."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from store import findings
from store.clock import stamp
from store.log import Log
from store.log import LogReader

Make = Callable[..., dict[str, Any]]


def _finding(clock: Any, number: int, **fields: Any) -> dict[str, Any]:
    return {"id": f"fnd_{number}", "at": stamp(clock()), "session": None, "kind": "policy", "severity": "low", **fields}


def test_findings_are_listed_by_what_is_asked(log: Log, clock: Any, make_session: Make) -> None:
    log.session_opened(make_session("s"))
    for n in range(6):
        log.finding(
            _finding(
                clock,
                n,
                session="s" if n % 2 else None,
                principal=f"k{n % 3}",
                policy=f"p{n % 2}",
                kind="policy" if n else "refusal",
                action="block" if n > 3 else "tag",
                mode="monitor" if n == 1 else "enforce",
                severity="high" if n == 5 else "low",
                provider="sim",
                model="m",
                route="default",
            )
        )
        clock.forward(hours=8)
    asked: dict[str, dict[str, Any]] = {
        "543210": {},
        "43": {"limit": 2, "offset": 1},
        "012": {"limit": 3, "order": "asc"},
        "531": {"session_id": "s"},
        "41": {"key": "k1"},
        "420": {"policy": "p0"},
        "0": {"kind": "refusal"},
        "54": {"action": "block"},
        "1": {"mode": "monitor"},
        "5": {"severity": "high"},
        "": {"provider": "openai"},
        "54321": {"kind": "policy", "model": "m", "route": "default"},
        "32": {"since": clock() - timedelta(hours=32), "until": clock() - timedelta(hours=16)},
    }
    log.commit()
    for reader in (log.reader, LogReader(log.folder.parent)):
        assert ["".join(row["id"][-1] for row in reader.findings(**conditions)) for conditions in asked.values()] == list(asked)


def test_they_stand_in_the_file_of_their_own_day(log: Log, clock: Any, make_session: Make) -> None:
    log.session_opened(make_session("s"))
    clock.forward(days=1)
    log.finding(_finding(clock, 1, session="s"))
    log.billed({"at": stamp(clock()), "session": "s", "principal": "kiosk", "unit": "minute", "quantity": 2, "cost": "0.5"})
    log.billed({"at": stamp(clock()), "session": "s", "principal": "other", "unit": "second", "quantity": 3, "cost": "0.1"})
    log.session_closed("s", {})
    assert log.reader.history("2026-11-21", "s").rows.keys() == {"sessions"}
    assert log.reader.history("2026-11-22", "s").rows.keys() == {"findings", "billing"}
    assert [row["quantity"] for row in log.reader.billing(key="kiosk", unit="minute")] == [2]
    assert [row["quantity"] for row in log.reader.billing(order="asc")] == [2, 3]
    assert log.turns("s") == []


def test_findings_have_bounds(log: Log, clock: Any, make_session: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(findings, "PER_SESSION", 2)
    monkeypatch.setattr(findings, "PER_DAY", 3)
    for name in ("s", "t"):
        log.session_opened(make_session(name))
        assert [log.finding(_finding(clock, n, session=name)) for n in range(3)] == [True, True, False]
    assert [log.finding(_finding(clock, n)) for n in range(5)] == [True, True, True, False, False]
    clock.forward(days=1)
    assert log.finding(_finding(clock, 9))
    assert len(log.reader.findings(limit=None)) == 8
    assert log.findings_refused == 4
