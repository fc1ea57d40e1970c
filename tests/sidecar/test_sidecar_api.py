"""The control API of a worker on its socket: who may use it, what it refuses and why, what it tells."""

from __future__ import annotations

import stat
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from sidecarstage import Peer
from sidecarstage import Room
from sidecarstage import running_room

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("loopback")]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def room(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Room]:
    """A worker that takes three calls, and has UDP ports for two."""
    async with running_room(tmp_path_factory.mktemp("worker"), calls=3, ports=(45120, 45123)) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def http(room: Room) -> AsyncIterator[httpx2.AsyncClient]:
    """The API; afterwards no call is left."""
    client = room.worker.client._http
    yield client
    for call in (await client.get("/calls")).json()["calls"]:
        await client.delete(f"/calls/{call['id']}")
        await room.until(call["id"], "closed")


async def body(call: str, **changed: Any) -> dict[str, Any]:
    peer = Peer()
    offer = await peer.offer()
    await peer.close()
    scopes = {"client_scope": "local", "upstream_scope": "local"}
    return {"id": call, "offer": offer, "ticket": "a", "upstream_ticket": "b", "record": None} | scopes | changed


def code_of(response: httpx2.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


async def test_the_socket_is_its_owners_alone(room: Room) -> None:
    assert stat.S_IMODE(room.worker._socket.stat().st_mode) == 0o600


@pytest.mark.parametrize("shown", [None, "", "Bearer", "Bearer wrong", "Basic wrong"])
@pytest.mark.parametrize("path", ["/calls", "/healthz", "/metrics", "/events", "/nothing"])
async def test_nothing_without_the_token(room: Room, shown: str | None, path: str) -> None:
    headers = {"authorization": shown} if shown is not None else {}
    transport = httpx2.AsyncHTTPTransport(uds=str(room.worker._socket))
    async with httpx2.AsyncClient(transport=transport, base_url="http://worker") as stranger:
        assert code_of(await stranger.get(path, headers=headers)) == (401, "wrong_token")


async def test_a_call_as_it_stands(http: httpx2.AsyncClient) -> None:
    made = await http.post("/calls", json=await body("call_1"))
    assert made.status_code == 201
    assert "127.0.0.1" in made.json()["offer"]
    [listed] = (await http.get("/calls")).json()["calls"]
    shown = (await http.get("/calls/call_1")).json()
    assert shown["id"] == listed["id"] == "call_1"
    assert shown["state"] == "offered"
    assert shown["legs"] == {"client": "gathered", "upstream": "gathered"}
    assert shown["media"] is None
    assert (await http.get("/healthz")).json() == {"status": "ok", "calls": 1}


async def test_figures_of_the_worker(http: httpx2.AsyncClient) -> None:
    await http.post("/calls", json=await body("call_2"))
    figures = (await http.get("/metrics")).json()
    assert figures["calls"] == {"offered": 1}
    assert figures["rtp"] == {"client": {"packets": 0, "bytes": 0}, "upstream": {"packets": 0, "bytes": 0}}
    assert figures["rss_bytes"] > 10 << 20
    assert figures["cpu_seconds"] > 0
    assert 0 <= figures["loop_lag_seconds"]["p50"] <= figures["loop_lag_seconds"]["p99"]


@pytest.mark.parametrize(
    ("method", "path", "sent"),
    [("GET", "/calls/call_x", None), ("DELETE", "/calls/call_x?reason=no", None), ("POST", "/calls/call_x/answer", {"answer": "v=0"})],
)
async def test_an_unknown_call(http: httpx2.AsyncClient, method: str, path: str, sent: dict[str, str] | None) -> None:
    assert code_of(await http.request(method, path, json=sent)) == (404, "unknown_call")


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"offer": "not SDP"}, "bad_sdp"),
        ({"offer": "v=0\r\n" + "a=x\r\n" * 20_000}, "too_large"),
        ({"offer": ""}, "bad_request"),
        ({"offer": 7}, "bad_request"),
        ({"ticket": None}, "bad_request"),
        ({"client_scope": "everywhere"}, "bad_request"),
        ({"record": {"folder": 3, "limit": 1}}, "bad_request"),
        ({"record": {"folder": "sound", "limit": "much"}}, "bad_request"),
        ({"record": "sound"}, "bad_request"),
    ],
)
async def test_a_bad_offer(http: httpx2.AsyncClient, changed: dict[str, Any], code: str) -> None:
    assert code_of(await http.post("/calls", json=await body("call_bad", **changed))) == (400, code)
    assert (await http.get("/healthz")).json()["calls"] == 0


@pytest.mark.parametrize(
    ("hold", "order", "expected"),
    [
        (True, {"state": "shut", "until": 1.5}, None),
        (True, {"state": "open", "until": None, "drop": True, "reset": True}, None),
        (True, {"state": "ajar"}, (400, "bad_request")),
        (True, {"state": "shut", "until": "soon"}, (400, "bad_request")),
        (False, {"state": "open"}, (409, "not_held")),
    ],
)
async def test_the_sound_of_a_call(http: httpx2.AsyncClient, hold: bool, order: dict[str, Any], expected: tuple[int, str] | None) -> None:
    assert (await http.post("/calls", json=await body("held", hold=hold))).status_code == 201
    answer = await http.post("/calls/held/sound", json=order)
    assert answer.status_code == 204 if expected is None else code_of(answer) == expected
    await http.delete("/calls/held")


@pytest.mark.parametrize("sent", [b"", b"{", b"[]", b'"text"', b"\xff"])
async def test_a_body_that_is_no_object(http: httpx2.AsyncClient, sent: bytes) -> None:
    assert code_of(await http.post("/calls", content=sent)) == (400, "bad_request")


async def test_a_body_that_is_too_long(http: httpx2.AsyncClient) -> None:
    assert code_of(await http.post("/calls", content=b" " * (257 << 10))) == (413, "too_large")


async def test_ids_are_used_once(http: httpx2.AsyncClient) -> None:
    assert (await http.post("/calls", json=await body("call_3"))).status_code == 201
    assert code_of(await http.post("/calls", json=await body("call_3"))) == (409, "call_exists")


async def test_no_port_is_left(room: Room, http: httpx2.AsyncClient) -> None:
    assert (await http.post("/calls", json=await body("call_4"))).status_code == 201
    assert (await http.post("/calls", json=await body("call_5"))).status_code == 201
    refused = await http.post("/calls", json=await body("call_6"))
    assert code_of(refused) == (503, "no_port")
    assert refused.headers["retry-after"] == "1"
    await http.delete("/calls/call_5")
    await room.until("call_5", "closed")
    assert (await http.post("/calls", json=await body("call_7"))).status_code == 201


async def test_an_answer_of_no_use_ends_the_call(room: Room, http: httpx2.AsyncClient) -> None:
    await http.post("/calls", json=await body("call_8"))
    assert code_of(await http.post("/calls/call_8/answer", json={"answer": "v=0\r\n"})) == (400, "bad_answer")
    assert (await http.get("/calls/call_8")).status_code == 404
    assert "answer" in (await room.until("call_8", "closed"))["reason"]


async def test_an_answer_is_taken_once(room: Room, http: httpx2.AsyncClient) -> None:
    browser, provider = room.peer(), room.peer()
    mirrored = (await http.post("/calls", json=await body("call_9", offer=await browser.offer()))).json()["offer"]
    answer = await provider.answer(mirrored)
    assert (await http.post("/calls/call_9/answer", json={"answer": answer})).status_code == 200
    second = await http.post("/calls/call_9/answer", json={"answer": answer})
    assert second.status_code in (404, 409), "the gateway may have refused the session by now"
