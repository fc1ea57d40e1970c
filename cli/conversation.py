"""A short voice conversation as an app would hold it: the `openai` client, changed in nothing but its base URL.

Spoken turns; in the second the model calls a tool and speaks its result.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from typing import Final
from typing import Literal

from openai import AsyncOpenAI
from openai import OpenAIError
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from openai.types.realtime import RealtimeConversationItemFunctionCall
from websockets.exceptions import WebSocketException

from simulator.audio import silence
from simulator.audio import speak

UTTERANCES: Final = ("Hello, can you hear me?", "What is the weather in Paris today?")

_CHUNK_SECONDS: Final = 0.1
_CHUNK: Final = 24_000 // 10 * 2
"""That much of pcm16 at 24 kHz, as microphones deliver it."""

_PAUSE_MS: Final = 700
_TOOL: Final[dict[str, Any]] = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather of a city, now.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
SESSION: Final[dict[str, Any]] = {
    "type": "realtime",
    "instructions": "Answer in one sentence.",
    "audio": {"input": {"transcription": {"model": "whisper-1"}, "turn_detection": {"type": "server_vad"}}},
    "tools": [_TOOL],
}


@dataclass(frozen=True, slots=True)
class Said:
    """A line of the conversation."""

    who: Literal["call", "user", "model", "tool"]
    text: str


async def converse(base_url: str, key: str, model: str, words: Sequence[str] = UTTERANCES, *, aloud: bool = False) -> AsyncIterator[Said]:
    """Hold the conversation at `base_url`; yields each line when it is complete. Raises RuntimeError when it breaks off.

    What the user says is sent faster than it would be spoken, unless it is said `aloud`: then each side is heard out.
    """
    try:
        async with AsyncOpenAI(base_url=base_url, api_key=key) as client, client.realtime.connect(model=model) as connection:
            await connection.session.update(session=SESSION)  # type: ignore[arg-type]
            for utterance in words:
                await _speak(connection, utterance, _CHUNK_SECONDS if aloud else 0.0)
                loudspeaker = Loudspeaker()
                async for line in _listen(connection, loudspeaker):
                    yield line
                if aloud:
                    await loudspeaker.plays_out()
    except (OpenAIError, WebSocketException, OSError) as error:
        raise RuntimeError(str(error) or type(error).__name__) from error


class Loudspeaker:
    """How long the sound of an answer takes, from the first of it on."""

    def __init__(self) -> None:
        self._until = 0.0

    def play(self, sound: str) -> None:
        """`sound` in base64, as it comes."""
        now = asyncio.get_running_loop().time()
        self._until = max(now, self._until) + _CHUNK_SECONDS * len(base64.b64decode(sound)) / _CHUNK

    async def plays_out(self) -> None:
        """Wait until all of it would have been heard."""
        await asyncio.sleep(self._until - asyncio.get_running_loop().time())


async def _speak(connection: AsyncRealtimeConnection, words: str, pace: float) -> None:
    """Say `words`, a tenth of a second of them every `pace` seconds."""
    begun = asyncio.get_running_loop().time()
    for number, chunk in enumerate(_chunks(speak(words) + silence(_PAUSE_MS)), 1):
        await asyncio.sleep(begun + number * pace - asyncio.get_running_loop().time())
        await connection.input_audio_buffer.append(audio=base64.b64encode(chunk).decode())


async def _listen(connection: AsyncRealtimeConnection, loudspeaker: Loudspeaker) -> AsyncIterator[Said]:
    """Read until the user's words are known and an answer is complete that calls no tool."""
    heard = answered = False
    async for event in connection:
        if event.type == "error":
            raise RuntimeError(f"the server said: {event.error.message}")
        if event.type == "conversation.item.input_audio_transcription.completed":
            heard = True
            yield Said("user", event.transcript)
        elif event.type == "response.output_audio.delta":
            loudspeaker.play(event.delta)
        elif event.type == "response.output_audio_transcript.done":
            yield Said("model", event.transcript)
        elif event.type == "response.done":
            calls = [item for item in event.response.output or () if item.type == "function_call"]
            answered = not calls
            for call in calls:
                yield await _run_tool(connection, call)
        if heard and answered:
            return


async def _run_tool(connection: AsyncRealtimeConnection, call: RealtimeConversationItemFunctionCall) -> Said:
    """What an app does: run the tool, hand back its result, ask for the answer."""
    output = weather(call.arguments)
    await connection.conversation.item.create(item={"type": "function_call_output", "call_id": call.call_id or "", "output": output})
    await connection.response.create()
    return Said("tool", f"{call.name}({call.arguments}) = {output}")


def weather(arguments: str) -> str:
    """The tool of the conversation; `arguments` as the model wrote them, JSON."""
    return f"sunny and 21 degrees in {json.loads(arguments)['city']}"


def _chunks(audio: bytes) -> Iterator[bytes]:
    return (audio[start : start + _CHUNK] for start in range(0, len(audio), _CHUNK))
