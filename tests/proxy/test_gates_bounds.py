"""Gates where things do not come as they should: no words, other protocols, interruptions, changed rules, and `--monitor`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from gated import BOTH
from gated import HOLD
from gated import Stage
from gated import gated
from gated import gates
from proxying import RULES
from proxying import Proxy
from proxying import close_of
from proxying import started_proxy
from recorded import named
from recorded import shown
from reloading import reloaded
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve
from websockets.exceptions import InvalidStatus

from store.reader import LogReader

pytestmark = pytest.mark.asyncio(loop_scope="module")

SOUND = "response.output_audio.delta"
GEMINI = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
MIB = "A" * (1 << 20)


def openai(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": kind, "event_id": "e", "response_id": "r1", "item_id": "i1", "content_index": 0, **fields}


def spoken(data: str | None = None, text: str | None = None, **content: Any) -> dict[str, Any]:
    blob = {"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": data}}
    made = {**({"modelTurn": {"parts": [blob]}} if data else {}), **({"outputTranscription": {"text": text}} if text else {}), **content}
    return {"serverContent": made}


DONE = {"type": "response.done", "response": {"id": "r1", "status": "completed", "output": []}}
SCRIPTS: dict[str, list[dict[str, Any]]] = {
    "flood": [openai(SOUND, delta=MIB) for _ in range(9)],
    "other": [{"type": "session.created", "session": {"type": "translation"}}, {"type": "session.output_audio.delta", "delta": "AAAA"}],
    "gemini": [
        spoken("AAAA"),
        spoken("BBBB", "Your card is "),
        spoken("CCCC", "4111 1111 1111 1111"),
        {**spoken("DDDD", " and more."), "usageMetadata": {"totalTokenCount": 7}},
        spoken(turnComplete=True),
        spoken("EEEE", "Next. "),
        spoken(turnComplete=True),
    ],
}


@dataclass
class Provider:
    """Says its script once it has been said something, and keeps what it heard."""

    port: int = 0
    heard: list[dict[str, Any]] = field(default_factory=list)

    async def talk(self, socket: ServerConnection) -> None:
        path = socket.request.path if socket.request is not None else ""
        script = SCRIPTS["gemini" if path.startswith("/ws/google") else "other" if "other" in path else "flood"]
        async for message in socket:
            self.heard.append(json.loads(message))
            for event in script if len(self.heard) == 1 else [DONE]:
                await socket.send(json.dumps(event))


@dataclass
class Brief:
    proxy: Proxy
    provider: Provider

    @asynccontextmanager
    async def talk(self, name: str, path: str) -> AsyncIterator[Any]:
        self.provider.heard.clear()
        async with self.proxy.connect(path, headers=named(name)) as socket:
            await socket.send(json.dumps({"type": "response.create"} if path != GEMINI else {"setup": {"model": "models/gemini-live"}}))
            yield socket

    async def findings(self, name: str) -> list[tuple[str, str]]:
        session = (await shown(self.proxy.data, name)).session["id"]
        found = LogReader(self.proxy.data).findings(session_id=session, limit=None, order="asc")
        return [(one["action"], one["detail"]["code"]) for one in found if one["kind"] == "gate"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def brief(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Brief]:
    provider = Provider()
    async with serve(provider.talk, "127.0.0.1", 0, max_size=None) as server:
        provider.port = server.sockets[0].getsockname()[1]
        url = f"http://127.0.0.1:{provider.port}"
        rules = f"""{RULES}on_error: block
providers:
  sim: {{kind: openai, url: "{url}"}}
  own: {{kind: compatible, url: "{url}"}}
  gem: {{kind: gemini, url: "{url}"}}
routes:
  - {{name: google, match: {{path: "/ws/google*"}}, provider: gem, hold: transcript}}
  - {{name: own, match: {{model: other}}, provider: own, hold: transcript}}
  - {{name: rest, provider: sim, hold: transcript, gate: transcript}}
policies:
  - {{id: cards, when: {{from: server, detect: [card]}}, action: redact}}
"""
        async with started_proxy(tmp_path_factory.mktemp("brief"), rules) as proxy:
            yield Brief(proxy, provider)


async def test_more_sound_than_is_kept_without_words(brief: Brief) -> None:
    async with brief.talk("flood", "/v1/realtime?model=gpt-realtime") as socket:
        heard = json.loads(await asyncio.wait_for(socket.recv(), 20))
        assert heard["error"]["code"] == "policy_failed"
        assert "wait for their words" in heard["error"]["message"]
        assert json.loads(await asyncio.wait_for(socket.recv(), 20))["type"] == "response.done"
    assert [(event["type"], event["response_id"]) for event in brief.provider.heard[1:]] == [("response.cancel", "r1")]
    assert await brief.findings("flood") == [("cancel", "unchecked")]


async def test_the_same_where_errors_pass(brief: Brief) -> None:
    async with reloaded(brief.proxy, "on_error: block", "on_error: pass"):
        async with brief.talk("flood on", "/v1/realtime?model=gpt-realtime") as socket:
            heard = [json.loads(await asyncio.wait_for(socket.recv(), 20)) for _ in range(9)]
        assert heard == SCRIPTS["flood"]
    assert await brief.findings("flood on") == [("release", "unchecked")]


async def test_gemini(brief: Brief) -> None:
    """Sound stands beside words and counts there; only the sound is taken out."""
    async with brief.talk("gemini", GEMINI) as socket:
        heard: list[dict[str, Any]] = []
        while sum("turnComplete" in event["serverContent"] for event in heard) < 2:
            heard.append(json.loads(await asyncio.wait_for(socket.recv(), 20)))
    words = "".join(event["serverContent"].get("outputTranscription", {}).get("text", "") for event in heard)
    assert words == "Your card is [card] and more.Next. "
    data = [part["inlineData"]["data"] for event in heard for part in event["serverContent"].get("modelTurn", {}).get("parts", [])]
    assert data[-1] == "EEEE"
    assert not {"CCCC", "DDDD"} & set(data)
    assert [event["usageMetadata"] for event in heard if "usageMetadata" in event] == [{"totalTokenCount": 7}]
    assert await brief.findings("gemini") == [("redact", "redacted")]


async def test_a_server_that_speaks_something_else(brief: Brief) -> None:
    async with brief.talk("other", "/v1/realtime?model=other") as socket:
        assert json.loads(await asyncio.wait_for(socket.recv(), 20))["type"] == "session.created"
        assert await close_of(socket) == (1008, "what the provider speaks cannot carry the gates of the route")


async def test_a_session_that_cannot_be_gated(brief: Brief) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await brief.proxy.connect("/v1/realtime/translations?model=gpt-realtime-translate")
    assert refused.value.response.status_code == 501
    assert json.loads(refused.value.response.body)["error"]["code"] == "gate_unsupported"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with gated(tmp_path_factory.mktemp("gated")) as made:
        yield made


@pytest.mark.parametrize("by", ["voice", "cancel"])
async def test_an_answer_that_is_interrupted(stage: Stage, by: str) -> None:
    """What waited of it comes before its end, and nothing after; the next answer is as any other."""
    async with stage.talk(f"interrupted {by}", HOLD) as talk:
        await talk.text("Good morning to you, and a fine day to everyone who listens to this long sentence of mine")
        await talk.say("response.create")
        await talk.until(SOUND, 3)
        if by == "voice":
            await talk.voice("Are you there?")
        else:
            await talk.say("response.cancel")
        cut = await talk.done()
        assert cut["status"] == "cancelled"
        if by == "voice":
            await talk.done()
        else:
            await talk.text("Hello?")
            await talk.ask()
    ended = next(number for number, event in enumerate(talk.heard) if event["type"] == "response.done")
    late = [event for event in talk.heard[ended:] if event["type"] == SOUND and event["response_id"] == cut["id"]]
    assert late == []
    assert gates(talk) == []
    assert talk.shown.session["held"]["answers"] == 2


async def test_policies_that_change_while_sound_waits(stage: Stage) -> None:
    async with stage.talk("changed", HOLD) as talk:
        await talk.text("Good morning to you")
        await talk.ask()
        async with reloaded(stage.proxy, "lighthouse keeper", "good evening"):
            await talk.text("And a good evening to everyone who listens here")
            response = await talk.ask()
        assert response["status"] == "cancelled"
    assert gates(talk) == [("cancel", "blocked")]


async def test_with_monitor_sound_waits_and_none_is_lost(tmp_path: Path) -> None:
    async with gated(tmp_path, "--monitor") as stage:
        async with stage.talk("monitored", HOLD) as talk:
            await talk.text("Is my card fine?")
            assert (await talk.ask())["status"] == "completed"
        assert gates(talk) == []
        assert talk.shown.session["held"]["answers"] == 1
        assert talk.shown.session["held"]["dropped"] == 0
        assert {found["mode"] for found in talk.findings} == {"monitor"}


SCRIPT = """
def websocket_message(flow):
    message = flow.websocket.messages[-1]
    if not message.from_client and b"Good" in message.content:
        message.content = message.content.replace(b"Good", b"Fine")
"""


async def test_beside_a_script(tmp_path: Path) -> None:
    """Messages are held for the script first, then for their words; both gates work as ever."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    async with gated(tmp_path, "--script", str(script)) as stage:
        async with stage.talk("scripted", BOTH) as talk:
            await talk.text("Good morning to you")
            await talk.ask()
            await talk.voice("What is the weather like?")
            assert (await talk.done())["status"] == "completed"
            await talk.text("Is my card fine?")
            await talk.ask()
        words = "".join(event["delta"] for event in talk.all("response.output_audio_transcript.delta"))
        assert words.startswith("I heard you say: Fine morning to you")
        assert gates(talk) == [("redact", "redacted")]
        assert talk.shown.session["held"]["answers"] == 3
        order = [event["type"] for event in talk.heard if event["type"] in (SOUND, "response.done")]
        assert order[-1] == "response.done"
