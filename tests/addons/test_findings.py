"""Findings on their way to the log: bounded, cut, free of credentials, with words only where words may be kept."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from addons.findings import CAUSES
from addons.findings import MAX_DETAILS
from addons.findings import MAX_EXCERPT
from addons.findings import MAX_TEXT
from addons.findings import Findings
from addons.floods import Allowance
from realtime.delay import Delay
from realtime.dialects import make
from realtime.leg import Ending
from realtime.pin import ModelPin
from realtime.prices import PriceBook
from realtime.secrecy import Secret
from realtime.secrecy import Secrets
from realtime.session import Client
from realtime.session import Session
from store.export.native import FIELDS
from store.findings import PER_SESSION
from store.log import Log

MORNING = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)


def session(id: str = "ses_1") -> Session:
    made = Session(
        id=id,
        door="gateway",
        principal="tester",
        route="default",
        provider="openai",
        kind="openai",
        model="gpt-realtime",
        upstream_model="gpt-realtime",
        upstream_host="api.openai.com",
        family="realtime",
        dialect=make("openai"),
        pin=ModelPin("openai", lambda model: True, lambda model: (model, model), False, False, "gpt-realtime", 100.0),
        opened=100.0,
        offset=MORNING.timestamp() - 100.0,
        text_limit=1024,
        prices=PriceBook(now=lambda: MORNING),
        aliases={},
        grouping=None,
        client=Client("127.0.0.1", "test", None, "/v1/realtime"),
        secrets=Secrets(Secret(b"sk-upstream-0123456789"), Secret(b"vt_client-0123456789")),
    )
    return made


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    made = Log.open(tmp_path, clock=lambda: MORNING)
    yield made
    made.close()


@pytest.fixture
def findings(log: Log) -> Findings:
    return Findings(log, lambda: True, lambda: MORNING)


def written(log: Log) -> list[dict[str, Any]]:
    return log.reader.findings(limit=None, order="asc")


def test_a_finding_has_every_field(log: Log, findings: Findings) -> None:
    findings.record(session(), "policy", "block", policy="p", from_client=True, event_type="session.update", path="$.a", excerpt="[card]")
    [found] = written(log)
    assert set(found) == set(FIELDS)
    assert {name: value for name, value in found.items() if name != "id"} == {
        "at": "2026-11-21T09:30:00.000Z",
        "kind": "policy",
        "severity": "medium",
        "action": "block",
        "mode": "enforce",
        "policy": "p",
        "principal": "tester",
        "route": "default",
        "provider": "openai",
        "model": "gpt-realtime",
        "session": "ses_1",
        "turn": None,
        "direction": "client",
        "event_type": "session.update",
        "path": "$.a",
        "excerpt": "[card]",
        "detail": {},
    }


def test_one_session_fills_no_disk(log: Log, findings: Findings) -> None:
    busy, calm = session(), session("ses_2")
    for _ in range(PER_SESSION + 200):
        findings.record(busy, "policy", "alert", policy="p")
    findings.record(calm, "policy", "alert", policy="p")
    busy.end(Ending(1008, "key revoked", "proxy", "revocation"), 200.0, Delay())
    findings.ended(busy, "revocation")
    found = [record for record in written(log) if record["session"] == "ses_1"]
    assert len(found) == PER_SESSION
    assert [(record["kind"], record["action"]) for record in found[-3:]] == [
        ("policy", "alert"),
        ("limit", "count"),
        ("revocation", "close"),
    ]
    assert found[-2]["detail"]["reason"] == "998 findings of this session are recorded, further ones are only counted"
    assert busy.findings == {"policy": PER_SESSION + 200, "revocation": 1}
    assert calm.findings == {"policy": 1}
    assert busy.closing_record()["findings"] == busy.findings


def test_texts_are_cut_and_free_of_credentials(log: Log, findings: Findings) -> None:
    said = "x" * 40 + " sk-upstream-0123456789 vt_client-0123456789 " + "y" * 400
    detail = {f"n{number}": said for number in range(40)}
    findings.record(session(), "leak", "blank", event_type=said, path=said, excerpt=said, detail=detail)
    [found] = written(log)
    assert (len(found["event_type"]), len(found["path"]), len(found["excerpt"])) == (MAX_TEXT, MAX_TEXT, MAX_EXCERPT)
    assert len(found["detail"]) == MAX_DETAILS
    assert {len(text) for text in found["detail"].values()} == {MAX_TEXT}
    assert "sk-upstream" not in str(found)
    assert "vt_client" not in str(found)


def test_no_words_where_none_are_kept(log: Log) -> None:
    Findings(log, lambda: False, lambda: MORNING).record(session(), "policy", "alert", excerpt="my address is")
    assert [record["excerpt"] for record in written(log)] == [None]


@pytest.mark.parametrize("cause", CAUSES)
def test_what_the_proxy_ends_sessions_for(log: Log, findings: Findings, cause: str) -> None:
    made = session()
    made.end(Ending(1008, "because", "proxy", cause), 200.0, Delay())
    findings.ended(made, cause)
    [found] = written(log)
    assert (found["kind"], found["action"], found["detail"]) == (*CAUSES[cause], {"code": 1008, "reason": "because"})


def test_an_ordinary_end_is_no_finding(log: Log, findings: Findings) -> None:
    made = session()
    made.end(Ending(1000, "bye", "client"), 200.0, Delay())
    findings.ended(made, "")
    assert written(log) == []


def test_an_allowance_of_so_many_at_once_and_then_one_now_and_then() -> None:
    allowance = Allowance(3, 10.0)
    assert [allowance.take(100.0) for _ in range(5)] == [True, True, True, False, False]
    assert [allowance.take(at) for at in (105.0, 110.0, 111.0, 120.0)] == [False, True, False, True]
    assert [allowance.take(10_000.0) for _ in range(4)] == [True, True, True, False]
