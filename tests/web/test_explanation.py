"""What the active rules make of requests that are described, of those of sessions, and of recorded messages: as a page and as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from portserver import TOKEN
from portserver import Port
from portserver import session
from starlette.testclient import TestClient

from rules.load import load

RULES = """
version: 1
providers:
  sim: {kind: simulator}
  open: {kind: openai, credential: env:OPENAI}
routes:
  - {name: eu, match: {door: gateway, model: "gpt*", key: "kiosk*", header: {x-region: eu}}, provider: sim, model: small}
  - {name: apps, match: {door: intercept, host: api.openai.com}, provider: open}
  - {name: all, match: {door: gateway}, provider: open}
"""


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    loaded = load(RULES, env={"OPENAI": "x"})
    assert loaded.rules, loaded.render()
    old = session(1, client={"path": "/v1/realtime?model=gpt-realtime"}, upstream_host=None, ended_at=None)
    port = Port(tmp_path, live=[old], rules=loaded.rules)
    return TestClient(port.app(), base_url="http://127.0.0.1:8789", headers={"authorization": f"Bearer {TOKEN}"})


def asked(client: TestClient, **given: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/rules/explain.json", params=given).json()
    return found


def test_each_condition_and_where_the_request_goes(client: TestClient) -> None:
    found = asked(client, model="gpt-realtime", key="kiosk-1", header="x-region=us\nX-Other=1")
    seen = [(step["condition"], step["wanted"], step["seen"], step["passed"]) for step in found["steps"] if step["route"] == "eu"]
    assert seen == [
        ("door", "gateway", "gateway", True),
        ("model", "gpt*", "gpt-realtime", True),
        ("key", "kiosk*", "kiosk-1", True),
        ("header x-region", "eu", "us", False),
    ]
    assert (found["route"], found["target"]["provider"]) == ("all", "open")
    assert asked(client, model="gpt-realtime", key="kiosk-1", header="x-region=eu")["target"]["upstream_model"] == "small"


def test_why_a_request_is_refused(client: TestClient) -> None:
    assert asked(client, path="/nowhere")["refused"]["code"] == "not_found"
    assert asked(client, door="intercept", host="example.org")["refused"]["status"] == 403
    page = client.get("/rules/explain?door=intercept&host=example.org").text
    assert "host_not_allowed" in page


def test_the_page_shows_each_route_and_keeps_what_was_written(client: TestClient) -> None:
    page = client.get("/rules/explain?path=/v1/realtime&model=gpt-realtime&key=&host=&door=gateway&header=").text
    assert [words in page for words in ("does not fit", "taken", "saw nothing", 'value="gpt-realtime"')] == [True] * 4
    assert 'action="/rules/explain"' in client.get("/rules").text


def test_a_session_by_its_record(client: TestClient) -> None:
    found = asked(client, session="ses_1")
    assert (found["request"]["path"], found["request"]["key"], found["route"]) == ("/v1/realtime", "kiosk", "all")
    assert 'href="/sessions/ses_1"' in client.get("/rules/explain?session=ses_1").text


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ("door=back", 400, "there is no door"),
        ("header=x-region", 400, "a header is written as name=value"),
        ("event=1", 400, "event needs session"),
        ("session=ses_1&model=x", 400, "leave out model"),
        ("session=ses_1&event=x", 400, "the number of a message"),
        ("session=ses_1&event=1", 404, "were not recorded"),
        ("session=ses_9", 404, "no session"),
        ("colour=red", 400, "unknown parameter"),
    ],
)
def test_what_cannot_be_explained_is_told(client: TestClient, query: str, status: int, words: str) -> None:
    answer = client.get(f"/rules/explain.json?{query}")
    assert (answer.status_code, words in answer.json()["error"]["message"]) == (status, True)
    page = client.get(f"/rules/explain?{query}", headers={"accept": "text/html"})
    assert (page.status_code, words in page.text) == (status, True)


def test_hostile_words_stay_text(client: TestClient) -> None:
    bad = "<script>alert(1)</script>"
    page = client.get("/rules/explain", params={"path": f"/{bad}", "model": bad, "key": bad, "header": f"x-region={bad}", "host": bad}).text
    assert "<script>alert" not in page
