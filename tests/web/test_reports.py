"""Findings with their counts, usage with its latencies, the active rules with their hits, the numbers of the moment."""

from __future__ import annotations

import re
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from portserver import TOKEN
from portserver import Port
from portserver import session
from starlette.testclient import TestClient

from rules.load import load
from rules.model import Rules
from store.clock import stamp
from store.clock import utc_now
from store.days import file_of
from store.days import folder_of
from store.export.native import FIELDS
from store.table import AppendDB

NOW = utc_now()
TODAY = datetime(NOW.year, NOW.month, NOW.day, tzinfo=UTC)
HOSTILE = "<script>alert(1)</script>"
RULES = """
version: 1
providers:
  sim: {kind: simulator}
keys:
  - {id: kiosk, hash: "sha256:%s", models: ["gpt*"]}
routes:
  - {name: all, match: {door: gateway, model: "gpt*"}, provider: sim}
policies:
  - id: cards
    title: "No <b>cards</b>"
    when: {from: client, event: conversation.item.create, at: "$.item.content[*].text", regex: "4[0-9]{3}"}
    action: redact
  - id: quiet
    mode: monitor
    when: {detect: [card]}
    action: alert
""" % ("a" * 64)


def finding(number: int, **more: Any) -> dict[str, Any]:
    made = dict.fromkeys(FIELDS) | {
        "id": f"fnd_{number}",
        "at": stamp(TODAY + timedelta(milliseconds=number)),
        "kind": "policy",
        "severity": "high",
        "action": "redact",
        "mode": "enforce",
        "policy": "cards",
        "principal": "kiosk",
        "session": "ses_1",
        "detail": {},
    }
    return made | more


def used(number: int, waits: list[float], **more: Any) -> dict[str, Any]:
    line = {"item": "audio_in", "quantity": 100, "unit": "token", "rate": 32.0, "per": 1_000_000, "usd": 0.0032, "model": "gpt-realtime"}
    moment = {"started_at": stamp(TODAY + timedelta(milliseconds=number)), "ended_at": stamp(TODAY + timedelta(milliseconds=number + 1))}
    return session(number, **moment, cost={"usd": 0.0032, "lines": [line]}, first_audio={"p50": 0, "p95": 0, "last": waits}, **more)


def client(data: Path, sessions: list[Any] | None = None, findings: list[Any] | None = None, rules: str = RULES) -> TestClient:
    with AppendDB(file_of(folder_of(data), stamp(TODAY)[:10])) as database:
        database.table("sessions").insert_multiple(sessions or [])
        database.table("findings").insert_multiple(findings or [])
    loaded = load(rules, env={}).rules
    assert isinstance(loaded, Rules)
    app = Port(data, rules=loaded).app()
    return TestClient(app, base_url="http://127.0.0.1:8789", headers={"authorization": f"Bearer {TOKEN}", "accept": "text/html"})


def test_findings_and_their_counts(tmp_path: Path) -> None:
    others = [finding(3, policy="words", principal="lab", severity="low"), finding(4, kind="refusal", policy=None, session=None)]
    made = client(tmp_path, findings=[finding(1), finding(2, turn=3), *others])
    page = made.get("/findings")
    assert re.findall(r'<tr id="(fnd_\d)"', page.text) == ["fnd_4", "fnd_3", "fnd_2", "fnd_1"]
    assert 'href="/sessions/ses_1#turn-3"' in page.text
    twin = made.get("/findings.json", params={"q": "policy=?*"}).json()
    assert twin["counts"] == {"policy": {"cards": 2, "words": 1}, "key": {"kiosk": 2, "lab": 1}, "kind": {"policy": 3}}
    assert made.get("/findings.json").json()["counts"]["kind"] == {"policy": 3, "refusal": 1}


@pytest.mark.parametrize(
    ("q", "found"),
    [("policy=c*", ["fnd_1"]), ("severity=low", ["fnd_2"]), ("key=lab words", ["fnd_2"]), ("until=2020-01-01", []), ("nothing", [])],
)
def test_findings_are_filtered_as_by_the_command(tmp_path: Path, q: str, found: list[str]) -> None:
    made = client(tmp_path, findings=[finding(1), finding(2, policy="words", principal="lab", severity="low")])
    assert [one["id"] for one in made.get("/findings.json", params={"q": q}).json()["findings"]] == found
    assert re.findall(r'<tr id="(fnd_\d)"', made.get("/findings", params={"q": q}).text) == found


def test_findings_come_in_pages_and_a_wrong_filter_is_told(tmp_path: Path) -> None:
    made = client(tmp_path, findings=[finding(number) for number in range(5)])
    page = made.get("/findings?limit=2&offset=2")
    assert re.findall(r'<tr id="(fnd_\d)"', page.text) == ["fnd_2", "fnd_1"]
    assert ('rel="prev"' in page.text, 'rel="next"' in page.text) == (True, True)
    assert made.get("/findings?q=x%3D1").status_code == 400
    assert "&#39;x=1&#39; is no condition" in made.get("/findings?q=x%3D1").text
    assert made.get("/findings.json?q=x%3D1").status_code == 400


def test_usage_adds_up_and_says_how_long_people_waited(tmp_path: Path) -> None:
    unpriced = used(3, [2_500.0], principal="lab", model="other")
    unpriced["cost"]["lines"][0] |= {"usd": None, "rate": None, "model": "other"}
    made = client(tmp_path, [used(1, [100.0, 450.0]), used(2, [450.0]), unpriced])
    twin = made.get("/usage.json?since=1d").json()
    assert (twin["total"]["sessions"], twin["total"]["usd"], twin["total"]["unpriced"]) == (3, 0.0064, 1)
    kiosk, lab = twin["by"]["key"]
    assert (kiosk["name"], kiosk["tokens_in"], kiosk["p50"], kiosk["turns"]) == ("kiosk", 200, 450.0, 3)
    assert (lab["name"], lab["usd"], lab["p95"]) == ("lab", None, 2_500.0)
    assert (twin["latency"]["p50"], twin["latency"]["p95"], twin["latency"]["turns"]) == (450.0, 2_500.0, 4)
    assert {bucket["from"]: bucket["turns"] for bucket in twin["latency"]["buckets"] if bucket["turns"]} == {0: 1, 400: 2, 2_000: 1}
    page = made.get("/usage?since=1d").text
    assert "unpriced" in page
    assert "$0.0064" in page
    assert made.get("/usage?since=2d").status_code == 400


def test_without_anything_the_pages_say_so(tmp_path: Path) -> None:
    made = client(tmp_path, rules="version: 1\n")
    for path, words in (
        ("/findings", "Nothing was found"),
        ("/usage", "Nothing was used"),
        ("/rules", "No policies"),
        ("/health", "None yet"),
    ):
        page = made.get(path)
        assert (page.status_code, words in page.text) == (200, True), path


def test_the_active_rules_with_the_hits_of_their_policies(tmp_path: Path) -> None:
    old = finding(9, at="2020-01-01T00:00:00.000Z")
    made = client(tmp_path, findings=[finding(1), finding(2, session="ses_2"), finding(3, policy="gone"), old])
    twin = made.get("/rules.json").json()
    cards, quiet = twin["policies"]
    assert (cards["mode"], cards["hits"]["count"], cards["hits"]["sessions"], cards["hits"]["days"][-1]) == ("enforce", 2, 2, 2)
    assert cards["when"] == {"from": "client", "event": ["conversation.item.create"], "at": "$.item.content[*].text", "regex": "4[0-9]{3}"}
    assert (quiet["mode"], quiet["hits"]["count"], quiet["hits"]["last"]) == ("monitor", 0, None)
    assert (twin["generation"], twin["routes"][0]["name"], twin["keys"]) == (1, "all", [{"id": "kiosk", "models": ["gpt*"]}])
    page = made.get("/rules").text
    assert "No &lt;b&gt;cards" in page
    assert "a" * 64 not in page


def test_the_numbers_of_the_moment(tmp_path: Path) -> None:
    made = client(tmp_path)
    assert made.get("/health.json").json()["sessions"] == {"websocket": 1}
    assert "written" in made.get("/health").text


def test_hostile_words_stay_text(tmp_path: Path) -> None:
    bad = finding(1, excerpt=HOSTILE, policy=HOSTILE, principal=HOSTILE, event_type=HOSTILE, detail={"reason": HOSTILE})
    made = client(tmp_path, [used(1, [1.0], principal=HOSTILE)], [bad])
    for path in ("/findings", "/usage", "/rules"):
        assert "<script>alert" not in made.get(path).text, path
