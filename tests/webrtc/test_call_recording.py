"""A call whose sound is recorded: through the real program, over real media, without a browser."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest
from openai import AsyncOpenAI
from proxying import KEY
from proxying import RULES
from proxying import started_proxy
from soundtools import wav

from cli.call import Call
from cli.call import mint
from cli.call import with_secret
from cli.conversation import SESSION
from cli.sound import VOICE
from simulator import Script
from simulator import Simulator
from simulator.audio import silence
from simulator.audio import speak
from store.reader import LogReader

WAV = RULES.replace("{content: full}", "{content: metadata, audio: wav}")


POLICIES = "policies: [{id: cards, when: {detect: [card]}, action: redact}]\n"
SAID = ("Hello, can you hear me?", "My card is 4111 1111 1111 1111.", "Is that all?")


async def ready(data: Path, state: str = "ready") -> dict[str, Any]:
    """The newest session once its sound is in this state."""
    deadline, found = time.monotonic() + 20, []
    while time.monotonic() < deadline:
        found = LogReader(data).sessions()
        if found and (found[0]["recording"] or {}).get("state") == state:
            return found[0]
        await asyncio.sleep(0.05)
    raise AssertionError(f"no sound: {found}")


async def test_both_sides_of_a_call_and_its_turn(tmp_path: Path) -> None:
    async with Simulator() as simulator:
        rules = f'{WAV}providers:\n  sim: {{kind: simulator, url: "http://{simulator.address}"}}\nroutes: [{{name: all, provider: sim}}]\n'
        async with started_proxy(tmp_path, rules) as proxy:
            async with AsyncOpenAI(base_url=proxy.base_url, api_key=KEY) as client:
                secret = await mint(client, {**SESSION, "model": "gpt-realtime"})
            async with Call(with_secret(proxy.base_url, secret)) as call:
                await call.microphone.say(speak("Hello, can you hear me?", VOICE) + silence(700, VOICE))
                async for event in call.events():
                    if event["type"] == "output_audio_buffer.stopped":
                        break
                heard = call.ear.audible
            session = await ready(proxy.data)
    folder = proxy.data / session["recording"]["folder"]
    assert (session["transport"], session["recording"]["turns"]) == ("webrtc", [1])
    stereo, (turn,) = wav(folder / "stereo.wav"), json.loads((folder / "peaks.json").read_text())["turns"]
    said, answered = stereo.sounding(0), stereo.sounding(1)
    assert said[1] - said[0] == pytest.approx(len(speak("Hello, can you hear me?")) / 48_000, abs=0.3)
    assert said[1] < answered[0]
    assert (turn["user"][0] <= said[0] + 0.1, turn["user"][1] >= said[1]) == (True, True)
    assert turn["model"] == pytest.approx(answered, abs=0.3)
    assert answered[1] - answered[0] == pytest.approx(heard, abs=1.0)
    assert {path.name for path in folder.iterdir()} == {
        *("stereo.wav", "peaks.json", "1-user.wav", "1-model.wav"),
        *("client.ogg", "upstream.ogg", "recording.json"),
    }


async def test_words_that_are_redacted_are_not_heard(tmp_path: Path) -> None:
    async with Simulator(script=Script(transcripts=SAID, answers=("Yes, I can.",))) as simulator:
        provider = f'providers:\n  sim: {{kind: simulator, url: "http://{simulator.address}"}}\n'
        rules = f"{WAV}{provider}routes: [{{name: all, provider: sim}}]\n{POLICIES}"
        async with started_proxy(tmp_path, rules) as proxy:
            async with AsyncOpenAI(base_url=proxy.base_url, api_key=KEY) as client:
                secret = await mint(client, {**SESSION, "model": "gpt-realtime"})
            async with Call(with_secret(proxy.base_url, secret)) as call:
                transcripts = []
                for words in SAID:
                    await call.microphone.say(speak(words, VOICE) + silence(700, VOICE))
                    async for event in call.events():
                        if event["type"].endswith("input_audio_transcription.completed"):
                            transcripts.append(event["transcript"])
                        if event["type"] == "output_audio_buffer.stopped":
                            break
            session = await ready(proxy.data)
    assert transcripts == [SAID[0], "My card is [card].", SAID[2]]
    assert session["recording"]["silenced"] == [{"turn": 2, "side": "user", "policies": ["cards"]}]
    folder = proxy.data / session["recording"]["folder"]
    assert not list(folder.glob("*.ogg"))
    kept = {f"{turn}-{side}.wav" for turn in (1, 2, 3) for side in ("user", "model")} - {"2-user.wav"}
    assert {path.name for path in folder.iterdir()} == {"stereo.wav", "peaks.json", "recording.json", *kept}
    stereo, turns = wav(folder / "stereo.wav"), json.loads((folder / "peaks.json").read_text())["turns"]
    first, second, third = (turn["user"] for turn in turns)
    assert second is None
    assert stereo.loudness(0, first[1] + 0.01, third[0] - 0.01) == 0
    for span, words in ((first, SAID[0]), (third, SAID[2])):
        sounding = wav(folder / f"{1 if span is first else 3}-user.wav").sounding(0)
        assert sounding[1] - sounding[0] == pytest.approx(len(speak(words)) / 48_000, abs=0.3)
    assert all(wav(folder / f"{turn}-model.wav").sounding(0) for turn in (1, 2, 3))


async def test_a_call_is_recorded_where_its_offer_or_its_secret_consents(tmp_path: Path) -> None:
    consents = {"X-Recording-Consent": "yes"}
    async with Simulator() as simulator:
        provider = f'providers:\n  sim: {{kind: simulator, url: "http://{simulator.address}"}}\n'
        log = WAV.replace("audio: wav", "audio: wav, consent: required")
        async with started_proxy(tmp_path, f"{log}{provider}routes: [{{name: all, provider: sim}}]\n") as proxy:
            for headers, state in (({}, "no_consent"), (consents, "ready")):
                async with AsyncOpenAI(base_url=proxy.base_url, api_key=KEY, default_headers=headers) as client:
                    secret = await mint(client, {**SESSION, "model": "gpt-realtime"})
                async with Call(with_secret(proxy.base_url, secret)) as call:
                    await call.microphone.say(speak("Hello?", VOICE) + silence(700, VOICE))
                    async for event in call.events():
                        if event["type"] == "output_audio_buffer.stopped":
                            break
                session = await ready(proxy.data, state)
                assert (proxy.data / "audio").exists() == (state == "ready")
    assert session["recording"]["turns"] == [1]
