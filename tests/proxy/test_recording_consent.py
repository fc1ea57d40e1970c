"""`log.consent: required`: sound is kept of those sessions alone whose client says that the people who speak agreed."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from proxying import KEY
from proxying import RULES
from proxying import Proxy
from proxying import command
from proxying import started_proxy
from recorded import named
from recorded import shown
from reloading import reloaded
from soundtools import tone
from talking import Talk
from waiting import eventually

from simulator import Simulator
from store.reader import LogReader

pytestmark = pytest.mark.asyncio(loop_scope="module")

SIM = "/v1/realtime?model=sim/gpt-realtime"
LIKE = "/v1/realtime?model=like/gpt-realtime"
HEADER = "X-Recording-Consent"
LOG = "{content: metadata, audio: wav, consent: required}"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def proxy(tmp_path_factory: pytest.TempPathFactory, simulator: Simulator) -> AsyncIterator[Proxy]:
    url = f"http://{simulator.address}"
    providers = f'providers:\n  sim: {{kind: simulator, url: "{url}"}}\n  like: {{kind: compatible, url: "{url}/v1"}}\n'
    async with AsyncExitStack() as stack:
        rules = RULES.replace("{content: full}", LOG) + providers
        yield await stack.enter_async_context(started_proxy(tmp_path_factory.mktemp("consent"), rules))


async def talked(proxy: Proxy, name: str, path: str = SIM, key: str = KEY, **headers: str) -> dict[str, Any]:
    """What becomes of the sound of a short session."""
    async with proxy.connect(path, key=key, headers=named(name) | headers) as socket:
        talk = Talk(socket)
        await talk.until("session.created")
        await talk.say("input_audio_buffer.append", audio=b64encode(tone(440, 0.3).tobytes()).decode())
        await talk.say("input_audio_buffer.clear")
        await talk.until("input_audio_buffer.cleared")
    await shown(proxy.data, name)

    def found() -> Any:
        rows = [row for row in LogReader(proxy.data).sessions() if row["grouping"] == name]
        return rows and (rows[0]["recording"] or {}).get("state") in ("ready", "no_consent") and rows[0]

    session: dict[str, Any] = await eventually(found)
    return session


@pytest.mark.parametrize("value", ["yes", "YES  "])
async def test_a_header_says_so_and_stays_here(proxy: Proxy, simulator: Simulator, value: str) -> None:
    session = await talked(proxy, f"header {value.strip()}", LIKE, **{HEADER: value})
    assert session["recording"]["state"] == "ready"
    assert HEADER.lower() not in {name.lower() for name in simulator.connections[-1].headers}


async def test_a_query_parameter_says_so_and_stays_here(proxy: Proxy, simulator: Simulator) -> None:
    session = await talked(proxy, "query", f"{LIKE}&recording_consent=yes&voice=marin")
    assert session["recording"]["state"] == "ready"
    query = simulator.connections[-1].query
    assert (query.get("voice"), "recording_consent" in query) == ("marin", False)


@pytest.mark.parametrize(
    ("name", "path", "headers"),
    [
        ("silent", SIM, {}),
        ("no", SIM, {HEADER: "no"}),
        ("empty", SIM, {HEADER: ""}),
        ("contrary", f"{SIM}&recording_consent=no", {HEADER: "yes"}),
        ("true", f"{SIM}&recording_consent=1", {}),
    ],
)
async def test_anything_else_does_not(proxy: Proxy, name: str, path: str, headers: dict[str, str]) -> None:
    session = await talked(proxy, name, path, **headers)
    assert session["recording"] == {"state": "no_consent"}
    assert not list((proxy.data / "audio").rglob(f"{session['id']}*"))
    assert "its client did not say that it may be" in await command("show", session["id"], "--data", str(proxy.data))
    async with httpx2.AsyncClient(headers={"authorization": f"Bearer {proxy.token}"}, trust_env=False) as http:
        answer = await http.get(f"http://{proxy.control}/api/sessions/{session['id']}/audio.wav")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "no_audio")
    assert "log.consent" in answer.text


async def test_an_ephemeral_key_carries_what_was_said_when_it_was_made(proxy: Proxy) -> None:
    for name, headers, state in (("minted", {HEADER: "yes"}, "ready"), ("minted without", {}, "no_consent")):
        body = json.dumps({"session": {"type": "realtime", "model": "sim/gpt-realtime"}})
        fields = {"authorization": f"Bearer {KEY}", "content-type": "application/json", **headers}
        async with httpx2.AsyncClient(trust_env=False) as http:
            answer = await http.post(proxy.url("/v1/realtime/client_secrets", "http"), content=body, headers=fields)
        session = await talked(proxy, name, "/v1/realtime?model=gpt-realtime", answer.json()["value"])
        assert session["recording"]["state"] == state


async def test_recorded_messages_have_no_sound_either(proxy: Proxy) -> None:
    full = LOG.replace("content: metadata", "content: full, frames: all").replace("}", ", retention: {content: 1d, audio: 1d}}")
    async with reloaded(proxy, LOG, full):
        for name, headers, keeps in (("messages", {HEADER: "yes"}, "all"), ("soundless", {}, "events")):
            session = await talked(proxy, name, **headers)
            assert session["events"]["keeps"] == keeps
            events = [event for event in LogReader(proxy.data).frames(session["id"]).events() if "append" in event.type]
            assert [bool(event.elided) for event in events] == [keeps == "events"]


async def test_nobody_is_asked_unless_the_rules_say_so(proxy: Proxy) -> None:
    async with reloaded(proxy, ", consent: required", ""):
        assert (await talked(proxy, "unasked"))["recording"]["state"] == "ready"
        assert (await talked(proxy, "refused all the same", **{HEADER: "no"}))["recording"]["state"] == "ready"
    assert (await talked(proxy, "asked"))["recording"]["state"] == "no_consent"


async def test_where_sound_lies_nothing_else_does(proxy: Proxy) -> None:
    kept = {path.name for path in (proxy.data / "audio").glob("*/*")}
    sessions = {row["id"]: row["recording"]["state"] for row in LogReader(proxy.data).sessions(limit=None)}
    assert kept == {session for session, state in sessions.items() if state == "ready"}
