"""A recorded call served to an app over a WebSocket: its events, and the model's sound from the recording."""

from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

from openai import AsyncOpenAI
from proxying import KEY
from proxying import RULES
from proxying import started_proxy
from soundtools import wav
from waiting import eventually

from cli.call import Call
from cli.call import mint
from cli.call import with_secret
from cli.conversation import SESSION
from cli.player import Manner
from cli.playlines import ServerLine
from cli.playscript import script_of
from cli.playserver import Played
from cli.playserver import PlayServer
from cli.recording import load
from cli.sound import VOICE
from simulator import Simulator
from simulator.audio import silence
from simulator.audio import speak
from store.reader import LogReader

KEEPING = RULES.replace("{content: full}", "{content: full, frames: events, audio: wav, retention: {audio: 1d, content: 1d}}")


def recorded(data: Path) -> dict[str, Any] | None:
    """The newest session, once its messages and its sound are there."""
    found = LogReader(data).sessions()
    return found[0] if found and (found[0]["recording"] or {}).get("state") == "ready" else None


async def test_a_call_as_a_websocket_session(tmp_path: Path) -> None:
    async with Simulator() as simulator:
        rules = (
            f'{KEEPING}providers:\n  sim: {{kind: simulator, url: "http://{simulator.address}"}}\nroutes: [{{name: all, provider: sim}}]\n'
        )
        async with started_proxy(tmp_path, rules) as proxy:
            async with AsyncOpenAI(base_url=proxy.base_url, api_key=KEY) as client:
                secret = await mint(client, {**SESSION, "model": "gpt-realtime"})
            async with Call(with_secret(proxy.base_url, secret)) as call:
                await call.microphone.say(speak("Hello, can you hear me?", VOICE) + silence(700, VOICE))
                seen = []
                async for event in call.events():
                    seen.append(event)
                    if event["type"] == "output_audio_buffer.stopped":
                        break
            session = await eventually(lambda: recorded(proxy.data))
        data = proxy.data
    script = script_of(load(data, session["id"]))
    assert script.path == "/v1/realtime"
    assert any(note.startswith("a call: ") for note in script.notes)
    played: list[Played] = []
    async with PlayServer([script], Manner(pace=0), 1, played.append).serving(0) as port:
        async with (
            AsyncOpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="any") as client,
            client.realtime.connect(model="gpt-realtime") as connection,
        ):
            got = [json.loads(await connection.recv_bytes()) for line in script.lines if isinstance(line, ServerLine)]
        await eventually(lambda: played)
    deltas = [event for event in got if event["type"] == "response.output_audio.delta"]
    sound = wav(data / session["recording"]["folder"] / "1-model.wav")
    assert b"".join(b64decode(delta["delta"]) for delta in deltas) == sound.samples.tobytes()
    assert [event for event in got if event not in deltas][: len(seen)] == seen
    [part] = [event for event in seen if event["type"] == "response.content_part.added"]
    assert {(delta["response_id"], delta["item_id"], delta["content_index"]) for delta in deltas} == {
        (part["response_id"], part["item_id"], part["content_index"])
    }
