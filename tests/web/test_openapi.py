"""The document of the API says what there is: each route, each parameter, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from portserver import TOKEN
from portserver import Port
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from web.openapi import OPERATIONS
from web.openapi import Operation
from web.openapi import name_of

FILES = re.compile(r"/(call|assets)/[\w-]+\.(?:js|css|svg)$")


def client(tmp_path: Path) -> TestClient:
    return TestClient(Port(tmp_path).app(), base_url="http://127.0.0.1:8789", headers={"authorization": f"Bearer {TOKEN}"})


def test_every_route_is_described_and_every_description_is_a_route(tmp_path: Path) -> None:
    app = Port(tmp_path).app().app
    assert isinstance(app, Starlette)
    routes = [route for route in app.routes if isinstance(route, Route)]
    assert len(routes) == len(app.routes)
    found = {(FILES.sub(r"/\1/{file}", route.path), method.lower()) for route in routes for method in (route.methods or set()) - {"HEAD"}}
    described = [(operation.path, operation.method) for operation in OPERATIONS]
    assert sorted(found) == sorted(described)


def test_the_document_is_one(tmp_path: Path) -> None:
    made = client(tmp_path).get("/api/openapi.json").json()
    assert made["openapi"] == "3.1.0"
    assert set(made["paths"]) == {operation.path for operation in OPERATIONS}
    kill = made["paths"]["/api/sessions/{id}/kill"]["post"]
    assert (list(kill["responses"]), [one["name"] for one in kill["parameters"]]) == (["202", "default"], ["id"])
    assert made["paths"]["/healthz"]["get"]["security"] == []


@pytest.mark.parametrize("operation", [operation for operation in OPERATIONS if operation.query], ids=lambda operation: operation.path)
def test_each_parameter_is_known_there_and_no_other_is(tmp_path: Path, operation: Operation) -> None:
    """What a route knows it lists when it is asked for something else."""
    path = operation.path.replace("{id}", "ses_1")
    refusal = client(tmp_path).get(f"{path}?nonsense=1").json()["error"]["message"]
    known = set(refusal.partition("known: ")[2].split(", ")) - {"token"}
    assert known == {name_of(name) for name in operation.query}


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: f"{operation.method} {operation.path}")
def test_what_needs_a_token_says_so(tmp_path: Path, operation: Operation) -> None:
    path = operation.path.replace("{file}", "icon.svg")
    stranger = TestClient(Port(tmp_path).app(), base_url="http://127.0.0.1:8789")
    assert (stranger.request(operation.method, path).status_code == 401) == (not operation.open)
