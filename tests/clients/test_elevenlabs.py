"""ElevenLabs: the `elevenlabs` package's agents behind the intercept door, and its OpenAI-compatible socket with `openai`."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from openai import AsyncOpenAI
from proxying import KEY
from stage import CASSETTES
from stage import SECRET
from stage import Log
from stage import Stage
from stage import assert_credentials_kept
from stage import ran
from stage import run

from simulator import load_cassette

pytestmark = pytest.mark.asyncio(loop_scope="session")

APP = Path(__file__).parent / "apps" / "elevenlabs_agent.py"
PLAYED = load_cassette(CASSETTES / "elevenlabs-agents.jsonl")


def kind_of(event: dict[str, Any]) -> str:
    """Of a client's message; audio has no type."""
    return str(event.get("type") or next(iter(event)))


async def test_agents_behind_the_intercept_door(stage: Stage, log: Log):
    seen = await ran(*run(stage), sys.executable, str(APP))
    expected: dict[str, Any] = dict(PLAYED.expect)
    assert seen["conversation"] == "conv_e1"
    assert seen["said"] == ["Hello!", "It is on its way, and should", "Welcome."]
    assert (seen["corrected"], seen["interrupted"]) == (["It is on its way"], 1)
    assert seen["understood"] == ["Where is my order?", "Thanks."]
    assert len(seen["ended"]) == 1
    upstream = stage.upstream("elevenlabs")
    assert upstream.path == "/v1/convai/conversation"
    assert upstream.query["agent_id"] == "agent_001"
    assert upstream.headers["xi-api-key"] == SECRET
    assert [kind_of(json.loads(message)) for message in upstream.messages] == [
        kind_of(line.event) for line in PLAYED.lines if line.side == "client"
    ]
    found = await log.session()
    assert (found.session["door"], found.session["principal"], found.session["dialect"]) == ("intercept", "local", "elevenlabs")
    assert found.session["close"]["code"] == 1000
    assert [turn["output"] for turn in found.turns] == expected["texts"]
    assert [call["name"] for turn in found.turns for call in turn["tool_calls"]] == expected["tools"]
    assert found.session["audio"] == {"in_seconds": expected["audio"]["seconds_in"], "out_seconds": expected["audio"]["seconds_out"]}


async def test_openai_package_on_elevenlabs_own_path(stage: Stage, log: Log):
    client = AsyncOpenAI(api_key=KEY, base_url=stage.proxy.url("/v1/convai", "http"))
    async with client.realtime.connect(model="eleven-voice") as connection:
        await connection.session.update(session={"type": "realtime", "output_modalities": ["text"]})
        await connection.response.create()
        async with asyncio.timeout(20):
            async for event in connection:
                if event.type == "response.done":
                    break
    seen = stage.upstream()
    assert (seen.path, seen.query) == ("/v1/convai/realtime", {"model": "eleven-voice"})
    assert seen.headers["Authorization"] == f"Bearer {SECRET}"
    assert_credentials_kept(seen)
    found = await log.session()
    assert (found.session["provider"], found.session["model"], found.session["turns"]) == ("elevenlabs", "eleven-voice", 1)
    assert found.turns[0]["output"] == "Hello! How can I help you today?"
    assert found.usage["total_tokens"] > 0
