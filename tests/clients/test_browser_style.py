"""What a browser can do: no headers, the key among the subprotocols, and nothing readable but an open socket."""

from __future__ import annotations

import json
from typing import Any

import pytest
from proxying import KEY
from proxying import OTHER_KEY
from proxying import close_of
from stage import ORIGIN
from stage import Log
from stage import Stage
from stage import assert_credentials_kept
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

pytestmark = pytest.mark.asyncio(loop_scope="session")

AGENTS = "openai-agents-sdk.0.20.0"
HELLO = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Good morning"}]}


def browser(stage: Stage, key: str, *more: str, model: str = "gpt-realtime", origin: str = ORIGIN) -> connect:
    """As Chromium does it: compression offered, an Origin always sent."""
    offered = ["realtime", f"openai-insecure-api-key.{key}", *more]
    return connect(stage.proxy.url(f"/v1/realtime?model={model}"), subprotocols=offered, origin=origin, max_size=None)


async def until(socket: ClientConnection, kind: str) -> dict[str, Any]:
    event: dict[str, Any] = {}
    while event.get("type") != kind:
        event = json.loads(await socket.recv())
    return event


async def test_a_turn_with_the_key_among_the_subprotocols(stage: Stage, log: Log):
    async with browser(stage, KEY, AGENTS) as socket:
        assert socket.subprotocol == "realtime"
        assert not socket.response.headers.get_all("Sec-WebSocket-Extensions")
        await socket.send(json.dumps({"type": "session.update", "session": {"type": "realtime", "output_modalities": ["text"]}}))
        await socket.send(json.dumps({"type": "conversation.item.create", "item": HELLO}))
        await socket.send(json.dumps({"type": "response.create"}))
        await until(socket, "response.done")
    found = await log.session()
    assert (found.session["principal"], found.session["client"]["origin"]) == ("tester", ORIGIN)
    assert [turn["output"] for turn in found.turns] == ["I heard you say: Good morning"]
    assert found.usage["total_tokens"] > 0
    seen = stage.upstream()
    assert_credentials_kept(seen)
    assert "realtime" in seen.subprotocols
    assert "Origin" not in seen.headers


async def test_beta_by_subprotocol(stage: Stage, log: Log):
    async with browser(stage, KEY, "openai-beta.realtime-v1") as socket:
        assert socket.subprotocol == "realtime"
        await socket.send(json.dumps({"type": "session.update", "session": {"modalities": ["text"]}}))
        await socket.send(json.dumps({"type": "conversation.item.create", "item": HELLO}))
        await socket.send(json.dumps({"type": "response.create"}))
        await until(socket, "response.text.delta")
        await until(socket, "response.done")
    found = await log.session()
    assert [turn["output"] for turn in found.turns] == ["I heard you say: Good morning"]
    assert_credentials_kept(stage.upstream())


@pytest.mark.parametrize(
    ("key", "model", "code"),
    [("vt_wrong", "gpt-realtime", "invalid_api_key"), (OTHER_KEY, "gpt-4o-realtime-preview", "model_not_allowed")],
)
async def test_a_refusal_can_be_read_on_the_open_socket(stage: Stage, log: Log, key: str, model: str, code: str):
    before = len(stage.upstreams["ga"].connections)
    async with browser(stage, key, AGENTS, model=model) as socket:
        assert socket.subprotocol == "realtime"
        refused = await until(socket, "error")
        assert refused["error"]["code"] == code
        assert key not in json.dumps(refused)
        assert await close_of(socket) == (3000, f"invalid_request_error.{code}")
    assert len(stage.upstreams["ga"].connections) == before
    await log.sessions(0)


@pytest.mark.parametrize("origin", ["https://evil.example", "http://127.0.0.1:3000", "http://localhost", "null"])
async def test_a_page_of_another_origin_is_refused(stage: Stage, log: Log, origin: str):
    with pytest.raises(InvalidStatus) as refused:
        async with browser(stage, KEY, origin=origin):
            raise AssertionError("a foreign page got a session")
    assert refused.value.response.status_code == 403
    await log.sessions(0)


async def test_a_library_may_name_the_gateway_itself_as_its_origin(stage: Stage, log: Log):
    async with browser(stage, KEY, origin=stage.proxy.url("", "http")) as socket:
        await until(socket, "session.created")
    assert (await log.session()).session["client"]["origin"] == stage.proxy.url("", "http")
