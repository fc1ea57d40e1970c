"""The pages as they are served: what stands in them, what is escaped, what they load, and their twins in JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import pytest
from portserver import DAY
from portserver import TOKEN
from portserver import Port
from portserver import session
from portserver import turn
from starlette.testclient import TestClient

from store.days import file_of
from store.days import folder_of
from store.export.native import FIELDS
from store.table import AppendDB
from web.sessionpage import AT_ONCE

WEB = Path(__file__).parents[2] / "web"
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"' onload='x' \u202egnp.exe \x1b[31m\x00 {{ 7*7 }}"
FINDING = dict.fromkeys(FIELDS) | {
    "id": "fnd_1",
    "at": f"{DAY}T10:00:11.000Z",
    "kind": "policy",
    "severity": "high",
    "action": "redact",
    "mode": "enforce",
    "policy": "cards",
    "session": "ses_1",
    "turn": 1,
    "excerpt": HOSTILE,
    "event_type": HOSTILE,
    "detail": {"reason": HOSTILE},
}


def fill(data: Path, sessions: list[dict[str, Any]], turns: list[dict[str, Any]] = [], findings: list[dict[str, Any]] = []) -> None:  # noqa: B006
    with AppendDB(file_of(folder_of(data), DAY)) as database:
        database.table("sessions").insert_multiple(sessions)
        database.table("turns").insert_multiple(turns)
        database.table("findings").insert_multiple(findings)


def client(data: Path, *live: dict[str, Any], accept: str = "text/html") -> TestClient:
    return TestClient(
        Port(data, list(live)).app(),
        base_url="http://127.0.0.1:8789",
        headers={"authorization": f"Bearer {TOKEN}", "accept": accept},
        follow_redirects=False,
    )


class Tags(HTMLParser):
    """The elements of a page with their attributes, and its text."""

    def __init__(self, page: httpx.Response) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page.text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attributes)))

    def handle_data(self, data: str) -> None:
        self.text += data + " "


def rows(page: httpx.Response) -> list[str]:
    return re.findall(r'<tr id="(\w+)"', page.text)


def words(page: httpx.Response) -> str:
    return " ".join(Tags(page).text.split())


def test_without_a_session_it_says_how_to_get_one(tmp_path: Path) -> None:
    page = client(tmp_path).get("/")
    assert page.status_code == 200
    assert "No session yet" in words(page)
    assert "OPENAI_BASE_URL=http://127.0.0.1:8787/v1" in page.text


def test_a_row_says_what_a_session_was(tmp_path: Path) -> None:
    unpriced = session(2, cost={"usd": None, "priced": False, "partial": False, "lines": []}, first_audio=None, transport="webrtc")
    lost = session(3, close={"code": 1011, "reason": "upstream lost", "side": "upstream"}, findings={"policy": 3, "leak": 1})
    fill(tmp_path, [session(1), unpriced, lost])
    page = client(tmp_path).get("/")
    third, second, first = re.findall(r"<tr id=.*?</tr>", page.text, re.DOTALL)
    assert rows(page) == ["ses_3", "ses_2", "ses_1"]
    for text in ("kiosk", "gpt-realtime", "eu", "412", "980", "1\u202f234", "$0.0123", "60:00 min", "by the app", "<path d="):
        assert text in first, text
    assert "unpriced" in second
    assert "$0" not in second
    assert "<path" not in second
    assert ("1011" in third, "upstream lost" in third, "policy</bdi> 3" in third, "leak" in third) == (True, True, True, True)


def test_a_live_session_stands_as_it_is_now(tmp_path: Path) -> None:
    fill(tmp_path, [session(1), session(2, ended_at=None, close=None, turns=1)])
    page = client(tmp_path, session(2, ended_at=None, close=None, turns=7)).get("/?q=status%3Dlive")
    assert rows(page) == ["ses_2"]
    assert '<td class="num turns">7</td>' in page.text
    assert 'data-since="' in page.text


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("", ["ses_3", "ses_2", "ses_1"]),
        ("key=kio*", ["ses_2", "ses_1"]),
        ("provider=openai status=failed", ["ses_3"]),
        ("question", ["ses_1"]),
        ("until=2026-11-21T10:00:02.500Z", ["ses_2", "ses_1"]),
        ("key=nobody", []),
    ],
)
def test_filters_are_those_of_the_commands(tmp_path: Path, q: str, found: list[str]) -> None:
    lost = session(3, principal="lab", close={"code": 1011, "reason": "", "side": "upstream"})
    fill(tmp_path, [session(1), session(2), lost], [turn(1)])
    page = client(tmp_path).get("/", params={"q": q})
    assert rows(page) == found
    twin = client(tmp_path, accept="*/*").get("/sessions.json", params={"q": q}).json()
    assert [record["id"] for record in twin["sessions"]] == found
    assert (twin["q"], twin["has_more"]) == (q, False)


def test_a_filter_that_says_nothing_is_told(tmp_path: Path) -> None:
    page = client(tmp_path).get("/?q=colour%3Dred")
    assert page.status_code == 400
    assert "'colour=red' is no condition" in words(page)
    assert 'value="colour=red"' in page.text
    twin = client(tmp_path, accept="*/*").get("/sessions.json?q=colour%3Dred")
    assert (twin.status_code, twin.json()["error"]["param"]) == (400, "q")


def test_long_lists_have_pages(tmp_path: Path) -> None:
    fill(tmp_path, [session(number) for number in range(7)])
    made = client(tmp_path)
    first = made.get("/?limit=3&q=key%3Dkiosk")
    assert rows(first) == ["ses_6", "ses_5", "ses_4"]
    older = re.search(r'rel="next" href="([^"]+)"', first.text)
    assert older
    second = made.get(older[1].replace("&amp;", "&"))
    assert rows(second) == ["ses_3", "ses_2", "ses_1"]
    assert 'rel="prev"' in second.text
    last = made.get("/?limit=3&offset=6")
    assert rows(last) == ["ses_0"]
    assert 'rel="next"' not in last.text
    assert made.get("/?limit=0").status_code == 400
    assert made.get("/?page=2").status_code == 400


def test_a_page_far_down_with_sessions_that_no_log_has(tmp_path: Path) -> None:
    fill(tmp_path, [session(number) for number in range(5)])
    made = client(tmp_path, session(9, ended_at=None), session(8, ended_at=None))
    assert rows(made.get("/?limit=3")) == ["ses_9", "ses_8", "ses_4"]
    assert rows(made.get("/?limit=3&offset=3")) == ["ses_3", "ses_2", "ses_1"]


def hostile(data: Path) -> TestClient:
    everywhere = dict.fromkeys(("principal", "route", "provider", "model", "grouping", "provider_model", "upstream_host"), HOSTILE)
    record = session(
        1,
        **everywhere,
        findings={"policy": 1},
        tags=[HOSTILE],
        error={"code": HOSTILE, "message": HOSTILE},
        close={"code": 1011, "reason": HOSTILE, "side": "upstream"},
        client={"address": HOSTILE, "agent": HOSTILE, "origin": None, "path": "/"},
    )
    call = {"call_id": "c", "name": HOSTILE, "arguments": HOSTILE, "arguments_chars": 9, "result": HOSTILE, "result_chars": 9}
    said = dict.fromkeys(("input", "output", "model", "voice", "reason", "id"), HOSTILE)
    told = turn(1, **said, tools=[HOSTILE], tool_calls=[{**call, "called_ms": 1.0, "result_ms": 2.0}], status="failed")
    line = {
        "item": HOSTILE,
        "quantity": 1,
        "unit": HOSTILE,
        "rate": None,
        "per": 1,
        "usd": None,
        "model": HOSTILE,
        "source": HOSTILE,
        "date": "",
    }
    told |= {
        "error": {"status": 500, "code": HOSTILE, "message": HOSTILE},
        "cost": {"usd": None, "lines": [line], "source": HOSTILE, "date": ""},
    }
    fill(data, [record], [told], [FINDING])
    return client(data)


@pytest.mark.parametrize("path", ["/", "/sessions/ses_1", "/sessions/ses_1/turns", "/?q=%3Cscript%3Ealert(1)%3C%2Fscript%3E"])
def test_what_the_wire_said_stays_text(tmp_path: Path, path: str) -> None:
    page = hostile(tmp_path).get(path)
    tags = Tags(page)
    assert page.status_code == 200
    assert "alert(1)" in tags.text or "alert(1)" in page.text
    assert {attributes.get("src", "") for tag, attributes in tags.found if tag == "script"} <= {
        "/assets/theme.js",
        "/assets/sessions.js",
        "/assets/session.js",
    }
    assert {attributes["src"] for tag, attributes in tags.found if tag == "img"} <= {"/assets/icon.svg"}
    assert [name for _, attributes in tags.found for name in attributes if name.startswith("on")] == []
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", tags.text)
    assert "49" not in re.findall(r"\{\{ [^}]+ \}\}|49 \}\}", tags.text)


def test_what_cannot_be_seen_is_shown_by_its_number(tmp_path: Path) -> None:
    page = hostile(tmp_path).get("/sessions/ses_1")
    for number in ("202E", "001B", "0000"):
        assert f'<span class="unseen">{number}</span>' in page.text


def test_the_page_of_a_session(tmp_path: Path) -> None:
    missed = turn(2, status="cancelled", reason="turn_detected", interrupted=True, input=None, output=None, content="erased")
    found = FINDING | {"excerpt": "my number is [card]", "event_type": "conversation.item.create", "detail": {}}
    fill(tmp_path, [session(1)], [turn(1), missed], [found])
    shown = words(client(tmp_path).get("/sessions/ses_1"))
    for text in (
        *("question 1", "answer 1", "400 ms", "cancelled: turn_detected", "barge-in", "10 characters, text erased", "cards : redact"),
        *("my number is [card]", "0:10.0", "tools in force lookup", "its sound was not recorded"),
    ):
        assert text in shown, text


def test_its_twin_has_everything(tmp_path: Path) -> None:
    fill(tmp_path, [session(1)], [turn(1), turn(2)], [FINDING])
    twin = client(tmp_path, accept="*/*").get("/sessions/ses_1.json").json()
    assert twin["session"]["id"] == "ses_1"
    assert [one["index"] for one in twin["turns"]] == [1, 2]
    assert [one["policy"] for one in twin["findings"]] == ["cards"]


def test_many_turns_come_in_parts(tmp_path: Path) -> None:
    many = [turn(index, started_at=f"{DAY}T10:{index // 60:02d}:{index % 60:02d}.000Z") for index in range(1, AT_ONCE + 21)]
    fill(tmp_path, [session(1)], many)
    made = client(tmp_path)
    page = made.get("/sessions/ses_1")
    assert page.text.count('<li class="turn ') == AT_ONCE
    assert f'data-count="{AT_ONCE + 20}"' in page.text
    rest = made.get(f"/sessions/ses_1/turns?offset={AT_ONCE}&limit=200")
    assert re.findall(r'id="turn-(\d+)"', rest.text) == [str(index) for index in range(AT_ONCE + 1, AT_ONCE + 21)]


@pytest.mark.parametrize(
    "path", ["/sessions/ses_9", "/sessions/ses_9.json", "/sessions/ses_9/timeline.json", "/live/sessions/ses_9", "/nothing"]
)
def test_what_is_not_there(tmp_path: Path, path: str) -> None:
    fill(tmp_path, [session(1)])
    person, program = client(tmp_path).get(path), client(tmp_path, accept="*/*").get(path)
    assert (person.status_code, program.status_code) == (404, 404)
    assert "<h1>404</h1>" in person.text
    assert program.json()["error"]["message"]


def test_records_of_other_versions_are_shown_as_far_as_they_go(tmp_path: Path) -> None:
    bare = {"id": "ses_1", "started_at": f"{DAY}T10:00:00.000Z", "ended_at": None}
    bare_turn = {"session": "ses_1", "index": 1, "status": "open", "started_at": f"{DAY}T10:00:00.000Z", "ended_at": None}
    fill(tmp_path, [bare], [bare_turn])
    made = client(tmp_path)
    for path in ("/", "/sessions/ses_1", "/sessions/ses_1/timeline.json", "/sessions/ses_1.json"):
        assert made.get(path).status_code == 200, path


PAGES = ("/", "/?q=x%3D1", "/sessions/ses_1", "/sessions/none")


@pytest.mark.parametrize("path", PAGES)
def test_pages_load_their_own_files_and_have_nothing_inline(tmp_path: Path, path: str) -> None:
    fill(tmp_path, [session(1)], [turn(1)])
    made = client(tmp_path)
    page = made.get(path)
    policy = dict(part.strip().partition(" ")[::2] for part in page.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert {name: value for name, value in policy.items() if value not in ("'self'", "'none'")} == {}
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script[^>]*>[^<]", page.text)
    loaded = {
        attributes[name]
        for _, attributes in Tags(page).found
        for name in ("src", "href")
        if (attributes.get(name) or "").startswith("/assets/")
    }
    assert loaded
    for file in loaded:
        assert file is not None
        assert made.get(file, headers={"authorization": ""}).status_code == 200


def imports() -> Iterator[tuple[str, str]]:
    for file in (WEB / "assets").glob("*.js"):
        for name in re.findall(r"from '\./([\w.]+)'", file.read_text()):
            yield file.name, name


def test_scripts_import_what_is_served_and_nothing_else() -> None:
    assert list(imports())
    assert {name for _, name in imports()} <= {path.name for path in (WEB / "assets").iterdir()}
    text = "".join(path.read_text() for path in (WEB / "assets").iterdir()) + "".join(
        path.read_text() for path in (WEB / "templates").iterdir()
    )
    assert re.findall(r"https?://(?!www\.w3\.org/2000/svg)[^\s\"'`{]+", text) == []


def test_the_overview_has_what_runs_first_and_takes_conditions_and_words(tmp_path: Path) -> None:
    fill(tmp_path, [session(1), session(2), session(3, principal="lab")])
    running = session(0, ended_at=None, close=None, state="answering")
    web = client(tmp_path, running)
    found = web.get("/api/top", params={"limit": 2}).json()
    assert [(record["id"], record["live"]) for record in found["sessions"]] == [("ses_0", True), ("ses_3", False), ("ses_2", False)]
    assert found["sessions"][0]["state"] == "answering"
    assert found["totals"]["open"] == 1
    assert [record["id"] for record in web.get("/api/top", params={"q": "key=lab"}).json()["sessions"]] == ["ses_3"]
    assert [record["id"] for record in web.get("/api/top", params={"q": "LAB"}).json()["sessions"]] == ["ses_3"]
    refused = [web.get("/api/top", params=given).status_code for given in ({"q": "colour=red"}, {"order": "asc"})]
    assert refused == [400, 400]
