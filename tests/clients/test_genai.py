"""The `google-genai` package's live client on the gateway's TLS, against a scripted Gemini server."""

from __future__ import annotations

import asyncio
import json
import re
from base64 import b64decode
from typing import Any

import pytest
from google import genai
from google.genai import errors
from google.genai import types
from google.genai.live import AsyncSession
from proxying import KEY
from stage import CASSETTES
from stage import Log
from stage import Stage
from stage import assert_credentials_kept

from simulator import load_cassette

pytestmark = pytest.mark.asyncio(loop_scope="session")

PLAYED = load_cassette(CASSETTES / "gemini-aistudio.jsonl")
SPEECH = [line.event["realtimeInput"]["audio"] for line in PLAYED.lines if line.side == "client" and "realtimeInput" in line.event]
CONFIG = types.LiveConnectConfig(
    response_modalities=[types.Modality.AUDIO],
    speech_config=types.SpeechConfig(
        voice_config=types.VoiceConfig(prebuilt_voice_config=types.PrebuiltVoiceConfig(voice_name="Kore")),
    ),
    system_instruction=types.Content(parts=[types.Part(text="Be brief.")]),
    input_audio_transcription=types.AudioTranscriptionConfig(),
    output_audio_transcription=types.AudioTranscriptionConfig(),
)


@pytest.fixture(params=["", "/"], ids=["", "slash"])
def client(stage: Stage, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> genai.Client:
    """With and without a slash behind the base URL, which doubles the slash of the path."""
    monkeypatch.setenv("SSL_CERT_FILE", str(stage.ca))
    base_url = stage.proxy.url(request.param, "https")
    return genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=base_url))


async def spoken(session: AsyncSession) -> str:
    """What the model said up to the end of its turn."""
    said = ""
    async with asyncio.timeout(20):
        async for message in session.receive():
            content = message.server_content
            if content is not None and content.output_transcription is not None:
                said += content.output_transcription.text or ""
    return said


def as_google_writes_it(message: str | bytes) -> Any:
    """The package mixes snake case and camel case, and writes audio in the base64 of URLs; Google takes either."""

    def named(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        return {re.sub("_(.)", lambda match: match[1].upper(), key): value for key, value in pairs}

    event = json.loads(message, object_pairs_hook=named)
    if "realtimeInput" in event:
        audio = event["realtimeInput"]["audio"]
        audio["data"] = audio["data"].translate(str.maketrans("-_", "+/"))
    return event


async def test_conversation(stage: Stage, log: Log, client: genai.Client):
    async with client.aio.live.connect(model="gemini-3.8-live", config=CONFIG) as session:
        for audio in SPEECH:
            await session.send_realtime_input(audio=types.Blob(data=b64decode(audio["data"]), mime_type=audio["mimeType"]))
        assert await spoken(session) == "Good morning!"
        turn = types.Content(role="user", parts=[types.Part(text="And how are you?")])
        await session.send_client_content(turns=turn, turn_complete=True)
        await spoken(session)
        with pytest.raises(errors.APIError) as ended:
            await spoken(session)
    assert ended.value.code == 1011
    assert "deadline" in str(ended.value)
    seen = stage.upstream("gemini")
    assert [as_google_writes_it(message) for message in seen.messages] == [line.event for line in PLAYED.lines if line.side == "client"]
    assert seen.headers["x-goog-api-key"]
    assert_credentials_kept(seen)
    found = await log.session()
    assert (found.session["principal"], found.session["provider"], found.session["dialect"]) == ("tester", "google", "gemini")
    assert found.session["model"] == "gemini-3.8-live"
    assert found.session["close"] == {"code": 1011, "reason": "deadline", "side": "upstream"}
    expected: dict[str, Any] = dict(PLAYED.expect)
    assert found.usage == expected["usage"]
    assert [turn["output"] for turn in found.turns] == expected["texts"]
    assert found.session["audio"] == {"in_seconds": expected["audio"]["seconds_in"], "out_seconds": expected["audio"]["seconds_out"]}
