"""The `azure-ai-voicelive` package, against the simulator's beta names on Voice Live's path."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from azure.ai.voicelive.aio import ConnectionError as NoConnection
from azure.ai.voicelive.aio import connect
from azure.ai.voicelive.models import AudioInputTranscriptionOptions
from azure.ai.voicelive.models import InputTextContentPart
from azure.ai.voicelive.models import Modality
from azure.ai.voicelive.models import RequestSession
from azure.ai.voicelive.models import ServerVad
from azure.ai.voicelive.models import UserMessageItem
from azure.core.credentials import AzureKeyCredential
from proxying import KEY
from stage import Log
from stage import Stage
from stage import assert_credentials_kept
from stage import utterance

pytestmark = pytest.mark.asyncio(loop_scope="session")


def opened(stage: Stage, key: str = KEY, model: str = "rt-deployment") -> Any:
    return connect(credential=AzureKeyCredential(key), endpoint=stage.proxy.url("", "http"), model=model)


async def last(connection: Any, kind: str) -> Any:
    async with asyncio.timeout(20):
        async for event in connection:
            if event.type == kind:
                return event
    raise AssertionError(f"the connection ended before {kind}")


async def test_text_and_voice(stage: Stage, log: Log):
    async with opened(stage) as connection:
        settings = RequestSession(
            modalities=[Modality.TEXT, Modality.AUDIO],
            turn_detection=ServerVad(),
            input_audio_transcription=AudioInputTranscriptionOptions(model="whisper-1"),
        )
        await connection.session.update(session=settings)
        await connection.conversation.item.create(item=UserMessageItem(content=[InputTextContentPart(text="Good morning")]))
        await connection.response.create()
        await last(connection, "response.done")
        for chunk in utterance("Hello, can you hear me?"):
            await connection.input_audio_buffer.append(audio=chunk)
        await last(connection, "response.done")
    seen = stage.upstream()
    assert (seen.path, seen.query["model"], seen.query["api-version"]) == ("/voice-live/realtime", "rt-deployment", "2026-07-15")
    assert seen.headers["api-key"]
    assert_credentials_kept(seen)
    found = await log.session()
    assert (found.session["principal"], found.session["provider"], found.session["model"]) == ("tester", "azure", "gpt-realtime")
    written, spoken = found.turns
    assert (written["trigger"], written["output"]) == ("client", "I heard you say: Good morning")
    assert (spoken["trigger"], spoken["input"]) == ("vad", "Hello, can you hear me?")
    assert found.usage["total_tokens"] == written["usage"]["total_tokens"] + spoken["usage"]["total_tokens"] > 0
    assert found.session["close"]["side"] == "client"


async def test_its_own_limit_is_recorded_as_the_clients_doing(stage: Stage, log: Log):
    """It takes 4 MiB a message."""
    async with opened(stage, model="gpt-realtime-sim-huge-frame") as connection:
        await connection.response.create()
        events = [event.type async for event in connection]
    assert "response.done" not in events
    found = await log.session()
    assert (found.session["close"]["code"], found.session["close"]["side"]) == (1009, "client")


async def test_wrong_key(stage: Stage, log: Log):
    with pytest.raises(NoConnection, match="401"):
        async with opened(stage, "vt_wrong"):
            raise AssertionError("a wrong key got a session")
    await log.sessions(0)
