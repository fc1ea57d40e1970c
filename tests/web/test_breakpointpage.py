"""The page of breakpoints where there are none to be had: off, no such session, a session that is over."""

from __future__ import annotations

from pathlib import Path

import pytest
from portserver import TOKEN
from portserver import Port
from portserver import session
from starlette.testclient import TestClient


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    """Of a port without breakpoints."""
    return TestClient(Port(tmp_path).app(), base_url="http://127.0.0.1:8789", headers={"authorization": f"Bearer {TOKEN}"})


def test_that_they_are_off_is_said(client: TestClient) -> None:
    page = client.get("/breakpoints")
    assert (page.status_code, "Breakpoints are off" in page.text, "<form" in page.text.partition("<main>")[2].partition("</main>")[0]) == (
        200,
        True,
        False,
    )
    twin = client.get("/breakpoints.json").json()
    assert (twin["allowed"], twin["breakpoints"], twin["paused"]) == (False, [], [])


def test_a_session_that_nobody_knows(client: TestClient) -> None:
    assert client.get("/breakpoints?session=ses_9").status_code == 404
    assert client.get("/breakpoints.json?key=x").status_code == 400


def test_a_session_is_found_by_its_id(tmp_path: Path) -> None:
    port = Port(tmp_path, live=[session(1, ended_at=None)])
    made = TestClient(port.app(), base_url="http://127.0.0.1:8789", headers={"authorization": f"Bearer {TOKEN}"})
    assert 'href="/sessions/ses_1"' in made.get("/breakpoints?session=ses_1").text
