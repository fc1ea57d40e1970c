"""Which paths lead where, who is let in, and what is recorded of a client."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from simulator import Simulator


async def first_event(url: str, **options: Any) -> dict[str, Any]:
    async with connect(url, proxy=None, **options) as socket:
        event = json.loads(await socket.recv())
        assert isinstance(event, dict)
        return event


@pytest.mark.parametrize("path", ["/v1/realtime", "/openai/v1/realtime", "/sim/v1/realtime", "/realtime", "/v1/realtime/"])
async def test_prefixes_lead_to_ga(path: str):
    async with Simulator() as sim:
        assert "audio" in (await first_event(f"{sim.url}{path}?model=m"))["session"]


@pytest.mark.parametrize(
    "path", ["/openai/realtime?api-version=2025-04-01-preview&deployment=m", "/voice-live/realtime?api-version=1&model=m"]
)
async def test_preview_paths_speak_beta(path: str):
    async with Simulator() as sim:
        session = (await first_event(sim.url + path))["session"]
        assert (session["model"], session["input_audio_format"]) == ("m", "pcm16")


async def test_beta_by_header_by_subprotocol_and_for_all():
    async with Simulator() as sim:
        url = f"{sim.url}/v1/realtime?model=m"
        assert "modalities" in (await first_event(url, additional_headers={"OpenAI-Beta": "realtime=v1"}))["session"]
        offered = [Subprotocol("realtime"), Subprotocol("openai-beta.realtime-v1")]
        assert "modalities" in (await first_event(url, subprotocols=offered))["session"]
    async with Simulator(dialect="beta") as sim:
        assert "modalities" in (await first_event(f"{sim.url}/v1/realtime"))["session"]


@pytest.mark.parametrize(("path", "code"), [("/v1/chat", "unknown_url"), ("/v1/realtime?call_id=rtc_1", "call_id_not_found")])
async def test_unknown_paths_and_calls_are_404(path: str, code: str):
    async with Simulator() as sim:
        with pytest.raises(InvalidStatus) as refused:
            await first_event(sim.url + path)
    assert refused.value.response.status_code == 404
    assert json.loads(refused.value.response.body or b"")["error"]["code"] == code


async def test_a_model_is_wanted():
    async with Simulator() as sim:
        assert (await first_event(f"{sim.url}/v1/realtime"))["error"]["code"] == "missing_model"


@pytest.mark.parametrize(
    "shown",
    [
        {"additional_headers": {"Authorization": "Bearer right"}},
        {"additional_headers": {"Authorization": "", "api-key": "right"}},
        {"subprotocols": [Subprotocol("realtime"), Subprotocol("openai-insecure-api-key.right")]},
    ],
)
async def test_keys_are_found_wherever_clients_put_them(shown: dict[str, Any]):
    async with Simulator(require_key="right") as sim:
        assert (await first_event(f"{sim.url}/v1/realtime?model=m", **shown))["type"] == "session.created"


async def test_subprotocol_and_extensions():
    async with Simulator() as sim:
        offered = [Subprotocol("openai-insecure-api-key.ek_1"), Subprotocol("realtime")]
        async with connect(f"{sim.url}/v1/realtime?model=m", proxy=None, subprotocols=offered, compression="deflate") as socket:
            assert socket.subprotocol == "realtime"
            assert socket.protocol.extensions == []
        async with connect(f"{sim.url}/v1/realtime?model=m", proxy=None) as socket:
            assert socket.subprotocol is None
    assert sim.connections[0].subprotocols == ["openai-insecure-api-key.ek_1", "realtime"]


async def test_plain_get_is_426():
    async with Simulator() as sim:
        reader, writer = await asyncio.open_connection(*sim.address.split(":"))
        writer.write(b"GET /v1/realtime?model=m HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 426 ")
        writer.close()


async def test_models_want_the_key_too():
    async with Simulator(require_key="right") as sim:
        reader, writer = await asyncio.open_connection(*sim.address.split(":"))
        writer.write(b"GET /v1/models HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer wrong\r\n\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 401 ")
        writer.close()


async def test_recording_of_text_and_bytes_and_the_close():
    async with Simulator() as sim:
        async with connect(f"{sim.url}/v1/realtime?model=m&x=%C3%A9", proxy=None, additional_headers={"X-Seen": "yes"}) as socket:
            await socket.recv()
            await socket.send("not json")
            assert json.loads(await socket.recv())["error"]["code"] == "invalid_json"
            await socket.send(b'{"type":"input_audio_buffer.clear"}')
            assert json.loads(await socket.recv())["type"] == "input_audio_buffer.cleared"
            await socket.close(4000, "enough")
        (seen,) = sim.connections
        await seen.ended.wait()
    assert seen.messages == ["not json", b'{"type":"input_audio_buffer.clear"}']
    assert (seen.query, seen.headers["x-seen"]) == ({"model": "m", "x": "é"}, "yes")
    assert (seen.close_code, seen.close_reason) == (4000, "enough")


async def test_deeply_nested_json_is_refused_and_survived():
    async with Simulator() as sim, connect(f"{sim.url}/v1/realtime?model=m", proxy=None) as socket:
        await socket.recv()
        await socket.send("[" * 100_000 + "]" * 100_000)
        assert json.loads(await socket.recv())["error"]["code"] == "invalid_json"


async def test_two_clients_have_different_ids():
    async with Simulator() as sim:
        ids = {(await first_event(f"{sim.url}/v1/realtime?model=m"))["session"]["id"] for _ in range(2)}
    assert len(ids) == 2


async def test_too_large_a_message_is_1009():
    async with Simulator() as sim:
        socket = await connect(f"{sim.url}/v1/realtime?model=m", proxy=None)
        await socket.recv()
        with suppress(ConnectionClosed):
            await socket.send(b"x" * (16 * 1024 * 1024 + 1))
        await socket.wait_closed()
        assert socket.close_code == 1009
