"""A recorded WebRTC call sent to a provider's WebSocket: its sound is put into messages, its configuration is said."""

from __future__ import annotations

import base64
import json
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from openai import AsyncOpenAI
from proxying import KEY
from proxying import hash_of
from proxying import started_proxy
from upstreamstage import Stage

from cli.call import Call
from cli.call import mint
from cli.call import with_secret
from cli.conversation import SESSION
from cli.sound import VOICE
from simulator import Simulator
from simulator.audio import silence
from simulator.audio import speak

RULES = """
version: 1
listen: {{gateway: "127.0.0.1:0", control: "127.0.0.1:0"}}
log: {{content: full, frames: events, audio: wav, retention: {{content: 1d, audio: 1d}}}}
keys:
  - {{id: tester, hash: "{hash}"}}
providers:
"""


async def call(base_url: str) -> None:
    """One spoken turn, until it was answered."""
    async with AsyncOpenAI(base_url=base_url, api_key=KEY) as client:
        secret = await mint(client, {**SESSION, "model": "sim/gpt-realtime"})
    async with Call(with_secret(base_url, secret)) as held:
        await held.microphone.say(speak("Hello", VOICE) + silence(700, VOICE))
        async for event in held.events():
            if event["type"] == "response.done":
                return


async def test_a_call_becomes_a_session(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        providers = {"sim": Simulator(pace=0.5), "other": Simulator(pace=0)}
        rules = RULES.format(hash=hash_of(KEY))
        for name, simulator in providers.items():
            await stack.enter_async_context(simulator)
            rules += f'  {name}: {{kind: simulator, url: "{simulator.base_url}"}}\n'
        stage = Stage(await stack.enter_async_context(started_proxy(tmp_path, rules)), providers)
        session = await stage.recorded("call", lambda: call(stage.proxy.base_url))
        told, got = await stage.sent(session, "other/x", "--fast", "--only", "turns,text")
    assert (told["failed"], told["otherwise"], told["difference"]["equal"]) == (None, {}, True), told
    first, *sound = [json.loads(message) for message in got.messages]
    assert first["session"]["instructions"] == SESSION["instructions"]
    assert {event["type"] for event in sound} == {"input_audio_buffer.append"}
    assert loudest(sound) > 1_000, "what was said is in it"
    assert any("a call: its sound goes into the messages" in note for note in told["notes"])


def loudest(events: list[dict[str, Any]]) -> int:
    sound = b"".join(base64.b64decode(event["audio"]) for event in events)
    return max(abs(sample) for sample in memoryview(sound).cast("h"))
