"""Ephemeral keys: their shapes by the openai package's own types, what they open, and when they no longer do."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from calling import calling
from calling import post
from calling import post_json
from openai import AsyncOpenAI
from openai.types.beta.realtime import SessionCreateResponse
from openai.types.beta.realtime import TranscriptionSession
from openai.types.realtime import ClientSecretCreateResponse
from openai.types.realtime import RealtimeTranslationClientSecretCreateResponse
from strict_ga import unknown
from websockets.asyncio.client import connect

from simulator import Simulator

SECRETS = "/v1/realtime/client_secrets"
SESSION = {
    "type": "realtime",
    "model": "gpt-realtime-2",
    "instructions": "Be brief.",
    "audio": {"input": {"turn_detection": None}, "output": {"voice": "cedar"}},
}
HEARING = {"type": "transcription", "audio": {"input": {"transcription": {"model": "gpt-live-transcribe"}}}}
TRANSLATING = {"model": "gpt-realtime-translate", "audio": {"output": {"language": "fr"}}}


async def mint(sim: Simulator, session: Any = SESSION, path: str = SECRETS) -> str:
    response = await post_json(sim, path, {"session": session})
    assert response.status_code == 200, response.text
    return str(response.json()["value"])


async def first(sim: Simulator, key: str, path: str = "/v1/realtime") -> dict[str, Any]:
    async with connect(sim.url + path, proxy=None, additional_headers={"Authorization": f"Bearer {key}"}) as socket:
        event: dict[str, Any] = json.loads(await socket.recv())
        return event


async def test_the_ga_shape_by_the_client_of_openai():
    async with Simulator() as sim, AsyncOpenAI(api_key="sk-any", base_url=sim.base_url) as client:
        made = await client.realtime.client_secrets.create(
            session={"type": "realtime", "model": "gpt-realtime-2"}, expires_after={"anchor": "created_at", "seconds": 30}
        )
        assert 20 < made.expires_at - time.time() <= 30
        assert made.value.startswith("ek_")
        assert made.session.type == "realtime"
        raw = (await post_json(sim, SECRETS, {"session": SESSION})).json()
        (first_asked, _) = sim.requests
    assert set(unknown(ClientSecretCreateResponse.model_validate(raw))) <= {".session.id", ".session.object", ".session.expires_at"}
    assert (raw["session"]["audio"]["output"]["voice"], raw["session"]["instructions"]) == ("cedar", "Be brief.")
    assert (first_asked.method, first_asked.path, first_asked.status) == ("POST", SECRETS, 200)
    assert first_asked.headers["authorization"] == "Bearer sk-any"
    assert json.loads(first_asked.body)["expires_after"]["seconds"] == 30


async def test_transcription_and_translation_shapes():
    async with Simulator() as sim:
        hearing = (await post_json(sim, SECRETS, {"session": HEARING})).json()
        speaking = (await post_json(sim, "/v1/realtime/translations/client_secrets", {"session": TRANSLATING})).json()
    assert ClientSecretCreateResponse.model_validate(hearing).session.type == "transcription"
    assert hearing["session"]["audio"]["input"]["transcription"] == {"model": "gpt-live-transcribe"}
    assert RealtimeTranslationClientSecretCreateResponse.model_validate(speaking).session.audio.output.language == "fr"


@pytest.mark.parametrize("path", ["/v1/realtime/sessions", "/openai/realtimeapi/sessions?api-version=2025-04-01-preview"])
async def test_the_legacy_shape(path: str):
    async with Simulator() as sim:
        asked = {"model": "gpt-4o-realtime-preview", "voice": "ash", "modalities": ["text"], "turn_detection": None}
        raw = (await post_json(sim, path, asked)).json()
        made = SessionCreateResponse.model_validate(raw)
        assert (made.voice, made.modalities, made.turn_detection) == ("ash", ["text"], None)
        assert 50 < made.client_secret.expires_at - time.time() <= 60
        event = await first(sim, made.client_secret.value)
    assert (event["session"]["model"], event["session"]["output_modalities"]) == ("gpt-4o-realtime-preview", ["text"])


async def test_the_legacy_shape_of_transcription():
    async with Simulator() as sim:
        asked = {"input_audio_transcription": {"model": "gpt-4o-transcribe"}, "client_secret": {"expires_after": {"seconds": 600}}}
        raw = (await post_json(sim, "/v1/realtime/transcription_sessions", asked)).json()
    made = TranscriptionSession.model_validate(raw)
    assert made.input_audio_transcription is not None
    assert made.input_audio_transcription.model == "gpt-4o-transcribe"
    assert 590 < made.client_secret.expires_at - time.time() <= 600


async def test_a_key_opens_sockets_with_what_is_baked_in():
    async with Simulator(require_key="right") as sim:
        response = await post_json(sim, SECRETS, {"session": SESSION}, "right")
        key = response.json()["value"]
        for path in ("/v1/realtime", "/v1/realtime?model=another"):
            event = await first(sim, key, path)
            assert (event["session"]["model"], event["session"]["instructions"]) == ("gpt-realtime-2", "Be brief.")
            assert event["session"]["audio"]["input"]["turn_detection"] is None


async def test_the_kind_of_session_follows_from_the_key():
    async with Simulator() as sim:
        hearing = await mint(sim, HEARING)
        assert (await first(sim, hearing))["session"]["type"] == "transcription"
        assert (await first(sim, hearing, "/v1/realtime?intent=transcription"))["session"]["type"] == "transcription"
        speaking = await mint(sim, TRANSLATING, "/v1/realtime/translations/client_secrets")
        assert (await first(sim, speaking, "/v1/realtime/translations"))["session"]["audio"]["output"] == {"language": "fr"}
        assert (await first(sim, speaking, "/v1/realtime?model=m"))["error"]["code"] == "invalid_api_key"


async def test_without_a_session_there_is_a_default():
    async with Simulator() as sim:
        assert (await post(sim, SECRETS, "")).json()["session"]["model"] == "gpt-realtime"
        assert (await post_json(sim, SECRETS, {"session": {"type": "realtime"}})).json()["session"]["model"] == "gpt-realtime"


async def test_expired_and_foreign_keys_open_nothing():
    async with Simulator() as sim:
        key = await mint(sim)
        sim.secrets.expire(key)
        for bad in (key, "ek_foreign"):
            assert (await first(sim, bad, "/v1/realtime?model=m"))["error"]["code"] == "invalid_api_key"
            refused = await post(sim, "/v1/realtime/calls?model=m", "v=0", {"Content-Type": "application/sdp"}, bad)
            assert (refused.status_code, refused.json()["error"]["code"]) == (401, "invalid_api_key")
        assert sim.calls == []


async def test_a_session_outlives_its_key():
    async with Simulator(pace=0) as sim, calling(sim, "/v1/realtime/calls", key=await mint(sim)) as caller:
        await caller.until("session.created")
        sim.secrets.expire(next(iter(sim.secrets._good)))
        caller.ask("Good morning")
        await caller.until("response.done")


async def test_minting_wants_the_key_itself():
    async with Simulator(require_key="right") as sim:
        key = (await post_json(sim, SECRETS, {}, "right")).json()["value"]
        for bad in (key, "wrong", ""):
            assert (await post_json(sim, SECRETS, {}, bad)).status_code == 401


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ("{", "invalid_json", None),
        ("[]", "invalid_type", None),
        ('{"sessions":{}}', "unknown_parameter", "sessions"),
        ('{"session":{"model":"m"}}', "missing_required_parameter", "session.type"),
        ('{"session":{"type":"realtime","voice":"ash"}}', "unknown_parameter", "session.voice"),
        ('{"session":{"type":"realtime","output_modalities":["text","audio"]}}', "invalid_value", "session.output_modalities"),
        ('{"session":5}', "invalid_type", "session"),
        ('{"expires_after":{"seconds":9}}', "integer_below_min_value", "expires_after.seconds"),
        ('{"expires_after":{"seconds":7201}}', "integer_above_max_value", "expires_after.seconds"),
        ('{"expires_after":{"anchor":"now"}}', "invalid_value", "expires_after.anchor"),
    ],
)
async def test_what_cannot_be_minted(body: str, code: str, param: str | None):
    async with Simulator() as sim:
        response = await post(sim, SECRETS, body, {"Content-Type": "application/json"})
    assert response.status_code == 400
    assert (response.json()["error"]["code"], response.json()["error"]["param"]) == (code, param)
