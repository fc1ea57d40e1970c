"""Two servers behind one port: whichever way bytes come in, and whoever is still there at the end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress

import httpx2
import pytest
from websockets.asyncio.client import connect

from simulator import Simulator

MINT = b"POST /v1/realtime/client_secrets HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"


@pytest.fixture
async def sim() -> AsyncIterator[Simulator]:
    async with Simulator() as running:
        yield running


async def said(sim: Simulator, *pieces: bytes) -> bytes:
    """What comes back until the connection is closed."""
    host, _, port = sim.address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0.01)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


@pytest.mark.parametrize("size", [1, 3, 7, 1_000])
async def test_requests_in_pieces_of_any_size(sim: Simulator, size: int):
    post = await said(sim, *(MINT[start : start + size] for start in range(0, len(MINT), size)))
    assert post.startswith(b"HTTP/1.1 200 ")
    get = b"GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n"
    assert (await said(sim, *(get[start : start + size] for start in range(0, len(get), size)))).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", 404),
        (b"DELETE /v1/realtime/calls HTTP/1.1\r\nHost: x\r\n\r\n", 405),
        (b"GEM / HTTP/1.1\r\nHost: x\r\n\r\n", 404),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    ],
)
async def test_requests_that_lead_nowhere(sim: Simulator, request_: bytes, status: int):
    assert (await said(sim, request_)).startswith(f"HTTP/1.1 {status} ".encode())


async def test_a_connection_is_closed_after_each_answer_so_a_client_may_mix_methods(sim: Simulator):
    answer = await said(sim, MINT + b"GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer.count(b"HTTP/1.1") == 1
    assert b"connection: close" in answer.lower()
    async with httpx2.AsyncClient(trust_env=False, base_url=sim.base_url) as http:
        for _ in range(2):
            assert (await http.post("/realtime/client_secrets", json={})).status_code == 200
            assert (await http.get("/models")).status_code == 200
    async with connect(f"{sim.url}/v1/realtime?model=m", proxy=None) as socket:
        assert json.loads(await socket.recv())["type"] == "session.created"


async def test_too_long_a_body(sim: Simulator):
    async with httpx2.AsyncClient(trust_env=False, base_url=sim.base_url) as http:
        assert (await http.post("/realtime/client_secrets", content=b" " * 1_048_577)).status_code == 413


async def test_pages_of_any_origin_are_let_in(sim: Simulator):
    async with httpx2.AsyncClient(trust_env=False, base_url=sim.base_url, headers={"Origin": "https://app.example"}) as http:
        preflight = await http.request("OPTIONS", "/realtime/calls", headers={"Access-Control-Request-Method": "POST"})
        assert preflight.status_code == 204
        allowed = preflight.headers["access-control-allow-headers"].lower()
        assert all(name in allowed for name in ("authorization", "content-type", "x-openai-agents-sdk"))
        refused = await http.post("/realtime/calls", content=b"")
        for response in (preflight, refused):
            assert response.headers["access-control-allow-origin"] == "*"
            assert "location" in response.headers["access-control-expose-headers"].lower()
    assert [(asked.method, asked.status) for asked in sim.requests] == [("OPTIONS", 204), ("POST", 400)]


async def test_clients_that_say_nothing_do_not_keep_it_running():
    async with Simulator() as sim:
        host, _, port = sim.address.rpartition(":")
        silent = await asyncio.open_connection(host, int(port))
        slow = await asyncio.open_connection(host, int(port))
        slow[1].write(MINT[:40])
        gone = await asyncio.open_connection(host, int(port))
        gone[1].close()
        await gone[1].wait_closed()
        await asyncio.sleep(0.05)
    for reader, writer in (silent, slow):
        with suppress(ConnectionResetError):
            assert await reader.read() == b""
        writer.close()
