"""Apps with real clients, which hold one conversation wherever they are pointed at, and keep every message that they were sent."""

from __future__ import annotations

import asyncio
import json
import uuid
from array import array
from base64 import b64decode
from base64 import b64encode
from typing import Any

from google import genai
from google.genai import types
from openai import AsyncOpenAI

from realtime.g711 import LAWS
from simulator.audio import silence
from simulator.audio import speak

CHUNK = 4_800
_TOOL = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather of a city, now.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
_VAD = {"type": "server_vad"}
_PATIENCE = 20.0


class Sdk:
    """A connection of the `openai` package; `got` has its messages as they came."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.got: list[bytes] = []

    async def until(self, *kinds: str) -> dict[str, Any]:
        wanted = set(kinds)
        while True:
            message: bytes = await asyncio.wait_for(self.connection.recv_bytes(), _PATIENCE)
            self.got.append(message)
            event: dict[str, Any] = json.loads(message)
            wanted.discard(event["type"])
            if not wanted:
                return event

    async def speak(self, words: str, chunk: int = CHUNK) -> None:
        sound = speak(words) + silence(700)
        for start in range(0, len(sound), chunk):
            await self.connection.input_audio_buffer.append(audio=b64encode(sound[start : start + chunk]).decode())

    async def write(self, words: str, **more: Any) -> None:
        content = [{"type": "input_text", "text": words}]
        await self.connection.conversation.item.create(item={"type": "message", "role": "user", "content": content, **more})


def client(base_url: str, key: str) -> AsyncOpenAI:
    return AsyncOpenAI(base_url=base_url, websocket_base_url=base_url.replace("http", "ws"), api_key=key, max_retries=0)


async def spoken(base_url: str, key: str, *, chunk: int = CHUNK, voice: str = "marin", model: str = "gpt-realtime") -> list[bytes]:
    """Two spoken turns; in the second a tool is called, whose result is spoken."""
    async with client(base_url, key) as made, made.realtime.connect(model=model) as connection:
        app = Sdk(connection)
        audio = {"input": {"transcription": {"model": "whisper-1"}, "turn_detection": _VAD}, "output": {"voice": voice}}
        await connection.session.update(session={"type": "realtime", "audio": audio, "tools": [_TOOL]})  # type: ignore[arg-type,typeddict-item]
        await app.speak("Hello there", chunk)
        await app.until("response.done", "conversation.item.input_audio_transcription.completed")
        await app.speak("What is the weather in Paris", chunk)
        done = await app.until("response.done")
        [call] = [item for item in done["response"]["output"] if item["type"] == "function_call"]
        result = {"type": "function_call_output", "call_id": call["call_id"], "output": "sunny"}
        await connection.conversation.item.create(item=result)  # type: ignore[arg-type]
        await connection.response.create()
        await app.until("response.done")
        return app.got


async def telephone(base_url: str, key: str, law: str) -> tuple[list[bytes], bytes]:
    """One spoken turn in G.711; what came, and what was said."""
    sound = LAWS[law].encode(array("h", (speak("Hello there") + silence(900))[::3]))
    async with client(base_url, key) as made, made.realtime.connect(model="gpt-realtime") as connection:
        app = Sdk(connection)
        form = {"type": f"audio/{law}"}
        audio = {"input": {"format": form, "turn_detection": _VAD}, "output": {"format": form}}
        await connection.session.update(session={"type": "realtime", "audio": audio})  # type: ignore[arg-type,typeddict-item]
        await app.until("session.updated")
        for start in range(0, len(sound), 160):
            await connection.input_audio_buffer.append(audio=b64encode(sound[start : start + 160]).decode())
        await app.until("response.done")
        return app.got, sound


async def beta(base_url: str, key: str) -> list[bytes]:
    """One spoken turn in beta names, committed by hand."""
    async with client(base_url, key) as made, made.beta.realtime.connect(model="gpt-4o-realtime-preview") as connection:
        app = Sdk(connection)
        await connection.session.update(session={"turn_detection": None, "voice": "alloy"})  # type: ignore[typeddict-item]
        await app.until("session.updated")
        await app.speak("Hello there")
        await connection.input_audio_buffer.commit()
        await connection.response.create()
        await app.until("response.done")
        return app.got


async def interrupting(base_url: str, key: str, model: str) -> list[bytes]:
    """An app that makes up ids, and breaks an answer off. In what it got, its ids are called own-0, own-1, …"""
    own = [f"made_up_{uuid.uuid4().hex[:20]}" for _ in range(5)]
    async with client(base_url, key) as made, made.realtime.connect(model=model) as connection:
        app = Sdk(connection)
        await app.write("Tell me a story", id=own[0])
        await connection.response.create(event_id=own[1])
        for _ in range(3):
            delta = await app.until("response.output_audio.delta")
        await connection.response.cancel(event_id=own[2])
        await connection.conversation.item.truncate(item_id=delta["item_id"], content_index=0, audio_end_ms=300)
        await app.until("response.done", "conversation.item.truncated")
        await connection.conversation.item.delete(item_id="item_nowhere", event_id=own[3])
        await app.until("error")
        await app.write("Thanks", id=own[4])
        await connection.response.create()
        await app.until("response.done")
    return [_named(message, own) for message in app.got]


async def speaking_up(base_url: str, key: str, model: str) -> list[bytes]:
    """Somebody who speaks into an answer, which the provider then breaks off by itself."""
    async with client(base_url, key) as made, made.realtime.connect(model=model) as connection:
        app = Sdk(connection)
        await connection.session.update(session={"type": "realtime", "audio": {"input": {"turn_detection": _VAD}}})  # type: ignore[typeddict-item]
        await app.speak("Hello there")
        for _ in range(2):
            await app.until("response.output_audio.delta")
        await app.speak("Stop")
        await app.until("response.done")
        await app.until("response.done")
        return app.got


def _named(message: bytes, own: list[str]) -> bytes:
    for number, name in enumerate(own):
        message = message.replace(name.encode(), f"own-{number}".encode())
    return message


async def gemini(base_url: str, key: str, audios: list[dict[str, str]]) -> tuple[list[Any], int]:
    """The conversation of the cassette; what came, and the code that ended it."""
    made = genai.Client(api_key=key, http_options=types.HttpOptions(base_url=base_url))
    config = types.LiveConnectConfig(
        response_modalities=[types.Modality.AUDIO],
        speech_config=types.SpeechConfig(
            voice_config=types.VoiceConfig(prebuilt_voice_config=types.PrebuiltVoiceConfig(voice_name="Kore"))
        ),
        system_instruction=types.Content(parts=[types.Part(text="Be brief.")]),
        input_audio_transcription=types.AudioTranscriptionConfig(),
        output_audio_transcription=types.AudioTranscriptionConfig(),
    )
    got: list[Any] = []
    async with made.aio.live.connect(model="gemini-3.8-live", config=config) as session, asyncio.timeout(_PATIENCE):
        for audio in audios:
            await session.send_realtime_input(audio=types.Blob(data=b64decode(audio["data"]), mime_type=audio["mimeType"]))
        got += [message.model_dump() async for message in session.receive()]
        turn = types.Content(role="user", parts=[types.Part(text="And how are you?")])
        await session.send_client_content(turns=turn, turn_complete=True)
        try:
            while True:
                got += [message.model_dump() async for message in session.receive()]
        except genai.errors.APIError as ended:
            return got, ended.code
