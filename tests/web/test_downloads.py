"""Files of a session from the control port: the same as on the command line, as attachments."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from exportlog import HOSTILE
from exportlog import TALK
from exportlog import run
from exportlog import write
from portserver import TOKEN
from portserver import Port
from starlette.testclient import TestClient

NAMES = {"report.html": "text/html; charset=utf-8", "messages.har": "application/json", "records.jsonl": "application/jsonl"}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("downloads")
    write(made)
    return made


@pytest.fixture
def client(data: Path) -> TestClient:
    return TestClient(Port(data).app(), base_url="http://127.0.0.1:8789", headers={"authorization": f"Bearer {TOKEN}"})


def test_they_are_what_the_command_line_writes(client: TestClient, data: Path) -> None:
    found = {name: client.get(f"/api/sessions/{TALK}/{name}") for name in NAMES}
    for name, answer in found.items():
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == NAMES[name]
        assert answer.headers["content-disposition"] == f'attachment; filename="{TALK}.{name.partition(".")[2]}"'
    assert found["messages.har"].text == run(data, "export", "har", TALK).stdout
    tables = [f"--table={table}" for table in ("sessions", "turns", "findings", "bills", "frames")]
    assert found["records.jsonl"].text == run(data, "export", "jsonl", TALK, *tables).stdout
    page = found["report.html"].text
    assert page.startswith("<!doctype html>")
    assert HOSTILE not in page
    assert "&lt;script&gt;document.title" in page


def test_what_is_not_there_is_said(client: TestClient) -> None:
    for name in NAMES:
        assert client.get(f"/api/sessions/nobody/{name}").status_code == 404
        assert client.get(f"/api/sessions/{TALK}/{name}?nonsense=1").status_code == 400


def test_the_page_leads_to_them(client: TestClient) -> None:
    page = client.get(f"/sessions/{TALK}", headers={"accept": "text/html"}).text
    assert all(f'href="/api/sessions/{TALK}/{name}" download' in page for name in NAMES)
    first = json.loads(client.get(f"/api/sessions/{TALK}/records.jsonl").text.splitlines()[0])
    assert first["record"] == "export"
