"""Web pages at the gateway: allowed origins are let in and told so on every answer, all others get nothing before anything is done."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
import pytest_asyncio
import websockets
from mintserver import Asked
from mintserver import MintServer
from mintserver import Reply
from mintserver import mint_server
from mintserver import minted
from proxying import KEY
from proxying import Proxy
from proxying import hash_of
from proxying import started_proxy
from rawsocket import dialled

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAGE = "http://localhost:3000"
APP = "https://app.example"
GA = "/v1/realtime/client_secrets"
RULES = """
version: 1
listen: {{gateway: "127.0.0.1:0", control: "127.0.0.1:0", origins: ["{page}", "{app}"]}}
limits: {{handshake: 2s}}
keys: [{{id: tester, hash: "{tester}"}}]
providers:
  up: {{kind: openai, url: "http://{up}"}}
  dead: {{kind: openai, url: "http://127.0.0.1:1"}}
"""
FOREIGN = [
    "null",
    "https://evil.example",
    "http://localhost:3001",
    "https://localhost:3000",
    "http://localhost:3000.evil.example",
    "http://localhost:3000/",
    "HTTP://LOCALHOST:3000",
    "http://localhost",
    f"{PAGE} {APP}",
    f"{PAGE}, {APP}",
    "*",
    "",
]


def allows_all(asked: Asked, key: str) -> Reply:
    made = minted(asked, key)
    cors = ("Access-Control-Allow-Origin: *", "Access-Control-Allow-Credentials: true", "Access-Control-Expose-Headers: X-Theirs")
    return Reply(made.status, made.body, cors)


ANSWERS = {"say-allow": allows_all, "say-500": lambda asked, key: Reply(500, b"{}"), "say-nothing": lambda asked, key: None}


@dataclass
class Stage:
    proxy: Proxy
    up: MintServer
    http: httpx2.AsyncClient

    async def ask(
        self, method: str, path: str, *, origin: str | None = PAGE, headers: dict[str, str] | None = None, **more: Any
    ) -> httpx2.Response:
        fields = {**({"Origin": origin} if origin is not None else {}), **(headers or {})}
        return await self.http.request(method, self.proxy.url(path, "http"), headers=fields, **more)

    async def preflight(self, path: str, *, origin: str = PAGE, method: str = "POST", **headers: str) -> httpx2.Response:
        asked = {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": "authorization,content-type", **headers}
        return await self.ask("OPTIONS", path, origin=origin, headers=asked)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with AsyncExitStack() as stack:
        up = await stack.enter_async_context(mint_server(ANSWERS))
        rules = RULES.format(page=PAGE, app=APP, tester=hash_of(KEY), up=up.address)
        proxy = await stack.enter_async_context(started_proxy(tmp_path_factory.mktemp("cors"), rules))
        http = await stack.enter_async_context(httpx2.AsyncClient(timeout=20))
        yield Stage(proxy, up, http)


def cors(answer: httpx2.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.startswith("access-control-")}


ALLOWED = {"access-control-allow-origin": PAGE, "access-control-expose-headers": "Location, X-Voicetap-Budget"}
POSTED = [
    "/v1/realtime/calls",
    "/openai/v1/realtime/calls",
    "/up/v1/realtime/calls",
    "/v1/realtime/translations/calls",
    "/v1/realtime?model=m",
    "/v1/live/sessions",
    "/api/v1/webrtc/realtime?model=m",
    "/v1/realtime/calls/call_1/hangup",
    "/v1/realtime/calls/call_1/accept",
    GA,
    "/v1/realtime/translations/client_secrets",
    "/v1/realtime/sessions",
    "/v1/realtime/transcription_sessions",
]


@pytest.mark.parametrize("path", POSTED)
async def test_a_preflight_is_answered_without_a_credential(stage: Stage, path: str) -> None:
    answer = await stage.preflight(path)
    assert (answer.status_code, answer.content) == (204, b"")
    assert cors(answer) == {
        **ALLOWED,
        "access-control-allow-methods": "POST, OPTIONS",
        "access-control-allow-headers": "Authorization, Content-Type, X-OpenAI-Agents-SDK, OpenAI-Safety-Identifier",
        "access-control-max-age": "600",
    }
    assert answer.headers["vary"] == "Origin"


async def test_each_origin_is_told_its_own_name(stage: Stage) -> None:
    for origin in (PAGE, APP):
        assert (await stage.preflight(GA, origin=origin)).headers["access-control-allow-origin"] == origin


async def test_a_private_network_is_allowed_where_the_browser_asks(stage: Stage) -> None:
    asked = await stage.preflight(GA, **{"Access-Control-Request-Private-Network": "true"})
    assert cors(asked)["access-control-allow-private-network"] == "true"
    assert "access-control-allow-private-network" not in cors(await stage.preflight(GA))


@pytest.mark.parametrize("path", ["/v1/models", "/v1/realtime/translations", "/voice-live/realtime"])
async def test_paths_that_take_no_post_say_so(stage: Stage, path: str) -> None:
    assert (await stage.preflight(path)).status_code == 405


async def test_an_unknown_path_is_unknown_to_a_preflight_too(stage: Stage) -> None:
    answer = await stage.preflight("/v1/files")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize("origin", FOREIGN)
async def test_any_other_origin_is_refused_before_any_work(stage: Stage, origin: str) -> None:
    before = len(stage.up.seen)
    asked = [
        await stage.preflight(GA, origin=origin),
        await stage.ask("POST", GA, origin=origin, headers={"Authorization": f"Bearer {KEY}"}, json={"model": "up/m"}),
        await stage.ask("POST", GA, origin=origin, json={}),
        await stage.ask("GET", "/v1/models", origin=origin, headers={"Authorization": f"Bearer {KEY}"}),
        await stage.ask("GET", "/nowhere", origin=origin),
    ]
    assert {(answer.status_code, answer.json()["error"]["code"]) for answer in asked} == {(403, "origin_not_allowed")}
    assert [cors(answer) for answer in asked] == [{}] * len(asked)
    assert len(stage.up.seen) == before
    with pytest.raises(websockets.InvalidStatus) as refused:
        async with stage.proxy.connect("/v1/realtime?model=up/m", headers={"Origin": origin}):
            pass
    assert refused.value.response.status_code == 403


async def test_two_origins_are_none(stage: Stage) -> None:
    async with dialled(stage.proxy.gateway) as client:
        head = f"OPTIONS {GA} HTTP/1.1\r\nHost: localhost\r\nOrigin: {PAGE}\r\nOrigin: {APP}\r\nAccess-Control-Request-Method: POST\r\n\r\n"
        await client.write(head.encode())
        await client.read_head()
        assert client.status == 403 and "access-control-allow-origin" not in client.headers


AUTH = {"Authorization": f"Bearer {KEY}"}
ANSWERED = [
    ("POST", GA, AUTH, {"model": "up/m"}, 200),
    ("POST", GA, AUTH, {"model": "up/say-allow"}, 200),
    ("POST", GA, {}, {"model": "up/m"}, 401),
    ("POST", GA, {"Authorization": "Bearer ek_vt_unknown"}, {"model": "up/m"}, 401),
    ("POST", GA, AUTH, {}, 400),
    ("POST", GA, AUTH, {"model": "nobody/m"}, 400),
    ("POST", GA, AUTH, {"model": "up/say-500"}, 500),
    ("POST", GA, AUTH, {"model": "dead/m"}, 502),
    ("POST", GA, AUTH, {"model": "up/say-nothing"}, 504),
    ("POST", GA, {**AUTH, "Host": "evil.example"}, {"model": "up/m"}, 421),
    ("POST", GA, AUTH, {"model": "x" * (1 << 20)}, 413),
    ("POST", "/v1/realtime/calls", AUTH, {"model": "up/m"}, 400),
    ("POST", "/v1/realtime/calls/call_gone/hangup", AUTH, {}, 404),
    ("GET", "/v1/models", AUTH, None, 200),
    ("GET", "/v1/realtime", AUTH, None, 426),
    ("PUT", GA, AUTH, None, 405),
    ("GET", "/nowhere", {}, None, 404),
    ("OPTIONS", GA, {}, None, 401),
]


@pytest.mark.parametrize(("method", "path", "headers", "body", "status"), ANSWERED)
async def test_every_answer_says_that_the_page_may_read_it(
    stage: Stage, method: str, path: str, headers: dict[str, str], body: Any, status: int
) -> None:
    answer = await stage.ask(method, path, headers=headers, json=body)
    assert answer.status_code == status, answer.text
    assert cors(answer) == ALLOWED
    assert answer.headers["vary"] == "Origin"


async def test_who_is_no_page_is_told_nothing(stage: Stage) -> None:
    for model in ("up/m", "up/say-allow"):
        answer = await stage.ask("POST", GA, origin=None, headers=AUTH, json={"model": model})
        assert (answer.status_code, cors(answer)) == (200, {})
    assert (await stage.ask("OPTIONS", GA, origin=None)).status_code == 401


async def test_a_library_that_names_the_server_as_its_origin_is_let_in(stage: Stage) -> None:
    own = f"http://{stage.proxy.gateway}"
    answer = await stage.ask("POST", GA, origin=own, headers=AUTH, json={"model": "up/m"})
    assert (answer.status_code, cors(answer)["access-control-allow-origin"]) == (200, own)


async def test_the_origin_goes_no_further(stage: Stage) -> None:
    await stage.ask("POST", GA, headers=AUTH, json={"model": "up/m"})
    assert PAGE.encode() not in stage.up.seen[-1].received
