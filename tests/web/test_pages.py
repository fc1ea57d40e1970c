"""The call page as a browser is served it: no token, no secret, nothing inline, and no way out but to the gateway."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from web.guard import Guard
from web.pages import call_routes

FOLDER = Path(__file__).parents[2] / "web" / "call"
ASSETS = FOLDER.parent / "assets"
FILES = sorted(path.name for path in FOLDER.iterdir() if path.name != "index.html")


def client(gateway: str = "127.0.0.1:8787", host: str = "127.0.0.1:8789") -> TestClient:
    return TestClient(
        Guard(Starlette(routes=call_routes(gateway)), token="t0ken", hosts=("voice.internal",), note=lambda _: None),
        base_url=f"http://{host}",
    )


def policy_of(answer: httpx.Response) -> dict[str, str]:
    directives = (directive.strip().partition(" ") for directive in answer.headers["content-security-policy"].split(";"))
    return {name: value for name, _, value in directives}


def test_the_page_is_served_to_anybody_on_this_computer() -> None:
    answer = client().get("/call")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert answer.headers["permissions-policy"].startswith("microphone=(self)")
    assert answer.text == (FOLDER / "index.html").read_text()


def test_the_policy_allows_its_own_files_and_the_gateway_alone() -> None:
    policy = policy_of(client().get("/call"))
    assert policy.pop("connect-src") == "'self' http://127.0.0.1:8787"
    assert {name for name, value in policy.items() if value == "'self'"} == {"script-src", "style-src", "img-src"}
    assert set(policy.values()) == {"'self'", "'none'"}
    assert policy["default-src"] == "'none'"


@pytest.mark.parametrize("name", FILES)
def test_every_file_of_the_page_is_served(name: str) -> None:
    answer = client().get(f"/call/{name}")
    assert (answer.status_code, answer.content) == (200, (FOLDER / name).read_bytes())
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["/call/index.html", "/call/pages.py", "/call/..%2fguard.py", "/call/%2e%2e/guard.py", "/call/nothing"])
def test_nothing_else_is_served_below_it(path: str) -> None:
    assert client().get(path).status_code == 404


def test_the_page_refers_to_served_files_and_has_nothing_inline() -> None:
    page = (FOLDER / "index.html").read_text()
    files = set(re.findall(r'(?:src|href)="([^"#]+)"', page)) - {"./"}
    assert files <= {f"call/{name}" for name in FILES} | {f"assets/{file.name}" for file in ASSETS.iterdir()}
    assert not re.findall(r"<style|\sstyle=|\son[a-z]+=|<script[^>]*>[^<]", page)
    imported = {name for file in FOLDER.glob("*.js") for name in re.findall(r"from '\./([\w.]+)'", file.read_text())}
    assert imported <= set(FILES)


@pytest.mark.parametrize(
    ("gateway", "host", "url"),
    [
        ("127.0.0.1:8787", "localhost:8789", "http://127.0.0.1:8787"),
        ("0.0.0.0:8787", "voice.internal:8789", "http://voice.internal:8787"),
        ("[::]:8787", "127.0.0.1:8789", "http://127.0.0.1:8787"),
        ("[::1]:8787", "127.0.0.1:8789", "http://[::1]:8787"),
    ],
)
def test_the_page_learns_where_the_gateway_is(gateway: str, host: str, url: str) -> None:
    pages = client(gateway, host)
    assert pages.get("/call/gateway.json").json() == {"url": url}
    assert policy_of(pages.get("/call"))["connect-src"] == f"'self' {url}"


@pytest.mark.parametrize(("headers", "status"), [({"host": "evil.example"}, 421), ({"origin": "https://evil.example"}, 403)])
def test_it_is_served_under_names_of_this_computer_to_its_own_origin(headers: dict[str, str], status: int) -> None:
    assert client().get("/call", headers=headers).status_code == status


def test_the_page_opens_nothing_else_of_the_control_port() -> None:
    pages = client()
    assert pages.get("/callx").status_code == 401
    assert pages.get("/api/sessions").status_code == 401
    assert pages.post("/call").status_code == 405
