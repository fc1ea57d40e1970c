"""Apps that know nothing of a proxy: they call their provider with their own key, through the proxy that their environment names."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator

import httpx2
import pytest
import pytest_asyncio
from phone import SDP
from phone import Phone
from recorded import named
from switchboard import FORM
from switchboard import Switchboard
from switchboard import form
from waiting import eventually
from websockets.asyncio.client import connect

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.usefixtures("nothing_left")]

OWN = "sk-of-the-app-0123456789"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def app(board: Switchboard) -> AsyncIterator[httpx2.AsyncClient]:
    """What the app uses for its requests."""
    headers = {"Connection": "close", "Authorization": f"Bearer {OWN}"}
    async with httpx2.AsyncClient(proxy=f"http://{board.proxy.intercept}", trust_env=False, timeout=20, headers=headers) as client:
        yield client


def provider(board: Switchboard, host: str = "localhost") -> str:
    return f"http://{host}:{board.simulator.address.rpartition(':')[2]}/v1"


async def dialled(app: httpx2.AsyncClient, base: str, phone: Phone, name: str) -> httpx2.Response:
    """The app's own call, as its provider's documentation says."""
    headers = {**SDP, **named(name), "X-Own": "kept"}
    answer = await app.post(f"{base}/realtime/calls?model=gpt-realtime&own=kept", content=await phone.offer(), headers=headers)
    assert answer.status_code == 201, answer.text
    await phone.accept(answer.text)
    await phone.until("session.created")
    return answer


async def test_a_call_of_an_app_is_seen_and_stays_its_own(board: Switchboard, app: httpx2.AsyncClient):
    phone = Phone()
    try:
        answer = await dialled(app, provider(board), phone, "app")
        upstream, asked = board.simulator.calls[-1], board.simulator.requests[-1]
        assert answer.headers["location"] == f"/v1/realtime/calls/{upstream.id}"
        assert "access-control-allow-origin" not in answer.headers
        assert (asked.target, asked.headers["X-Own"]) == ("/v1/realtime/calls?model=gpt-realtime&own=kept", "kept")
        assert asked.headers["Authorization"] == f"Bearer {OWN}"
        ports = [set(re.findall(r"(?m)^m=audio (\d+)", text)) for text in (phone.peer.localDescription.sdp, asked.body.decode())]
        assert ports[0].isdisjoint(ports[1]), "its sound comes through here"
        phone.ask("Tell me a story.")
        await phone.until("response.done")
        await phone.met(lambda: phone.heard > 20, "sound")
        hangup = await app.post(f"{provider(board)}{answer.headers['location'].removeprefix('/v1')}/hangup")
        assert hangup.status_code == 200
        await phone.over()
    finally:
        await phone.close()
    record = await board.record("app")
    assert (record.session["door"], record.session["principal"], record.session["route"]) == ("intercept", "local", "apps")
    assert (record.session["call"]["upstream_id"], record.session["call"]["mode"]) == (upstream.id, "relay")
    assert (record.close, [turn["status"] for turn in record.turns]) == ((1000, "the provider hung up", "upstream"), ["completed"])
    assert record.session["media"]["upstream"]["packets"] > 15


async def test_what_an_app_looks_on_from_its_server_is_billed_once(board: Switchboard, app: httpx2.AsyncClient):
    phone = Phone()
    try:
        answer = await dialled(app, provider(board), phone, "app and server")
        socket = f"{provider(board).replace('http', 'ws')}/realtime?call_id={answer.headers['location'].rpartition('/')[2]}"
        headers = {"Authorization": f"Bearer {OWN}", **named("server of the app")}
        async with connect(socket, additional_headers=headers, proxy=f"http://{board.proxy.intercept}", compression=None) as server:
            assert json.loads(await server.recv())["type"] == "session.created"
            assert board.simulator.connections[-1].headers["Authorization"] == f"Bearer {OWN}"
            phone.ask("Tell me a story.")
            done = await phone.until("response.done")
            async for message in server:
                if json.loads(message)["type"] == "response.done":
                    break
    finally:
        await phone.close()
    both = [(await board.record(name)).session for name in ("app and server", "server of the app")]
    assert both[0]["call"]["id"] == both[1]["call"]["id"]
    assert sorted(session["usage"]["total_tokens"] for session in both) == [0, done["response"]["usage"]["total_tokens"]]


async def test_an_attended_call_of_an_app_is_attended_with_its_own_key(board: Switchboard, app: httpx2.AsyncClient):
    phone = Phone()
    try:
        await dialled(app, provider(board, "127.0.0.1"), phone, "app aside")
        assert board.simulator.requests[-1].body.decode() == phone.peer.localDescription.sdp

        async def attended() -> str | None:
            return next((row["id"] for row in await board.live() if row["grouping"] == "app aside"), None)

        session = await eventually(attended)
        assert board.simulator.connections[-1].headers["Authorization"] == f"Bearer {OWN}"
        phone.ask("Tell me a story.")
        await phone.until("response.done")
        await board.kill(session)
        await phone.over()
        assert board.simulator.requests[-1].headers["Authorization"] == f"Bearer {OWN}"
    finally:
        await phone.close()
    record = await board.record("app aside")
    assert (record.close, len(record.turns)) == ((1008, "ended by the operator", "proxy"), 1)


async def test_a_form_of_an_app(board: Switchboard, app: httpx2.AsyncClient):
    phone = Phone()
    try:
        parts = form(("sdp", await phone.offer()), ("session", '{"type":"realtime","model":"gpt-realtime"}'))
        headers = {"Content-Type": FORM, **named("app form")}
        answer = await app.post(f"{provider(board)}/realtime/calls", content=parts, headers=headers)
        await phone.accept(answer.text)
        await phone.until("session.created")
    finally:
        await phone.close()
    assert (await board.record("app form")).session["model"] == "gpt-realtime"


async def test_a_refusal_of_the_provider_is_the_apps_own(board: Switchboard, app: httpx2.AsyncClient):
    """With its own key the app is told what the provider said, word by word."""
    phone = Phone()
    headers = {**SDP, **named("app refused")}
    answer = await app.post(f"{provider(board)}/realtime/calls?model=gpt-sim-echo-401", content=await phone.offer(), headers=headers)
    await phone.close()
    assert answer.status_code == 401
    assert OWN in answer.json()["error"]["message"]
    record = await board.record("app refused")
    assert record.close == (1006, "no session: the provider answered 401", "upstream")
    assert OWN not in "".join(board.proxy.output) + record.text


async def test_other_requests_of_an_app_pass_untouched(board: Switchboard, app: httpx2.AsyncClient):
    answer = await app.post(f"{provider(board)}/realtime/client_secrets", json={"session": {"type": "realtime", "model": "gpt-realtime"}})
    assert (answer.status_code, answer.json()["value"].startswith("ek_vt_")) == (200, False)
    assert board.simulator.requests[-1].headers["Authorization"] == f"Bearer {OWN}"
