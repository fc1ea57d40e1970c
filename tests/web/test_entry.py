"""How a browser gets in and stays in, and who does not by the same cookie."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from portserver import TOKEN
from portserver import Port
from portserver import session
from starlette.testclient import TestClient

from store.days import file_of
from store.days import folder_of
from store.table import AppendDB

PERSON = {"accept": "text/html,application/xhtml+xml"}


@pytest.fixture
def port(tmp_path: Path) -> Port:
    with AppendDB(file_of(folder_of(tmp_path), "2026-11-21")) as database:
        database.table("sessions").insert(session(1))
    return Port(tmp_path)


def browser(port: Port, token: str = TOKEN, host: str = "127.0.0.1:8789") -> httpx.Client:
    return TestClient(port.app(token), base_url=f"http://{host}", follow_redirects=False, headers=PERSON)


@pytest.fixture
def inside(port: Port) -> httpx.Client:
    """A browser that followed the link."""
    made = browser(port)
    made.get(f"/?token={TOKEN}")
    return made


def test_the_link_lets_in_and_leaves_no_token_behind(port: Port) -> None:
    made = browser(port)
    answer = made.get(f"/sessions?q=key%3Dkiosk&token={TOKEN}")
    assert (answer.status_code, answer.headers["location"]) == (303, "/sessions?q=key%3Dkiosk")
    cookie = answer.headers["set-cookie"]
    assert {"HttpOnly", "Path=/", "SameSite=strict"} <= {part.strip() for part in cookie.split(";")}
    assert TOKEN not in cookie
    assert made.get("/sessions?q=key%3Dkiosk").status_code == 200


def test_programs_get_what_they_asked_for(port: Port) -> None:
    answer = browser(port).get(f"/api/sessions?token={TOKEN}", headers={"accept": "*/*"})
    assert (answer.status_code, "set-cookie" in answer.headers) == (200, False)


@pytest.mark.parametrize("path", ["//evil.example", "/\\evil.example", "///evil.example/x"])
def test_the_link_leads_nowhere_else(port: Port, path: str) -> None:
    location = browser(port).get(f"http://127.0.0.1:8789{path}?token={TOKEN}").headers["location"]
    assert location.startswith("/")
    assert not location.startswith(("//", "/\\"))


def test_a_wrong_token_is_told_on_a_page(port: Port) -> None:
    answer = browser(port).get("/?token=wrong")
    assert (answer.status_code, answer.headers["content-type"]) == (401, "text/html; charset=utf-8")
    assert "./run.sh" in answer.text
    assert "wrong" not in answer.text
    assert browser(port).get("/", headers={"accept": "*/*"}).json()["error"]["code"] == "unauthorized"


def test_cookies_of_other_starts_and_other_ports_count_for_nothing(port: Port, inside: httpx.Client) -> None:
    (cookie,) = inside.cookies.jar
    fields = {"cookie": f"{cookie.name}={cookie.value}"}
    assert browser(port).get("/", headers=fields).status_code == 200
    assert browser(port, "other").get("/", headers=fields).status_code == 401
    assert browser(port, host="127.0.0.1:9999").get("/", headers=fields).status_code == 401
    assert browser(port).get("/", headers={"cookie": f"{cookie.name}={TOKEN}"}).status_code == 401


@pytest.mark.parametrize(
    ("fetch", "status"),
    [
        ({}, 200),
        ({"sec-fetch-site": "same-origin"}, 200),
        ({"sec-fetch-site": "none", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}, 200),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}, 200),
        ({"sec-fetch-site": "same-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"}, 401),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "script"}, 401),
        ({"sec-fetch-site": "same-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"}, 401),
    ],
)
def test_pages_of_others_read_nothing_with_it(inside: httpx.Client, fetch: dict[str, str], status: int) -> None:
    assert inside.get("/sessions.json", headers=fetch).status_code == status


def test_what_changes_something_names_its_origin(port: Port, inside: httpx.Client) -> None:
    port.live.append(session(2, ended_at=None, close=None))
    assert inside.post("/api/sessions/ses_2/kill").status_code == 401
    assert inside.post("/api/sessions/ses_2/kill", headers={"origin": "http://127.0.0.1:3000"}).status_code == 403
    assert port.killed == []
    assert inside.post("/api/sessions/ses_2/kill", headers={"origin": "http://127.0.0.1:8789"}).status_code == 202
    assert port.killed == ["ses_2"]
