"""Conversations that apps hold through the gateway, to be recorded: each waits for what it answers, as an app would."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable
from collections.abc import Callable
from typing import Any

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect

from simulator.audio import silence
from simulator.audio import speak

Event = dict[str, Any]
WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather of a city, now.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
SPOKEN: Event = {
    "type": "realtime",
    "instructions": "Answer in one sentence.",
    "audio": {"input": {"transcription": {"model": "whisper-1"}, "turn_detection": {"type": "server_vad"}}, "output": {"voice": "marin"}},
    "tools": [WEATHER],
}
WRITTEN: Event = {"type": "realtime", "instructions": "Answer in one sentence.", "output_modalities": ["text"]}
_CHUNK = 4_800


class App:
    """The client's side of one session."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.seen: list[Event] = []

    async def say(self, kind: str, **fields: Any) -> None:
        await self.socket.send(json.dumps({"type": kind, **fields}))

    async def hear(self, *kinds: str) -> Event:
        """The next event of one of these types."""
        while True:
            event = json.loads(await asyncio.wait_for(self.socket.recv(), 20))
            self.seen.append(event)
            assert event["type"] != "error", event
            if event["type"] in kinds:
                return event

    async def configure(self, session: Event) -> None:
        await self.hear("session.created")
        await self.say("session.update", session=session)
        await self.hear("session.updated")

    async def speak(self, words: str, pause_ms: int = 700) -> None:
        sound = speak(words) + silence(pause_ms)
        for start in range(0, len(sound), _CHUNK):
            await self.say("input_audio_buffer.append", audio=base64.b64encode(sound[start : start + _CHUNK]).decode())

    async def write(self, words: str) -> None:
        content = [{"type": "input_text", "text": words}]
        await self.say("conversation.item.create", item={"type": "message", "role": "user", "content": content})

    async def answered(self) -> Event:
        """Wait for the end of an answer whose tools are run, and answers to those."""
        while True:
            done = await self.hear("response.done")
            calls = [item for item in done["response"].get("output") or [] if item["type"] == "function_call"]
            for call in calls:
                city = json.loads(call["arguments"]).get("city")
                item = {"type": "function_call_output", "call_id": call["call_id"], "output": f"sunny in {city}"}
                await self.say("conversation.item.create", item=item)
            if not calls:
                return done
            await self.say("response.create")


Talk = Callable[[App], Awaitable[None]]


async def spoken(app: App) -> None:
    """Two spoken turns, the second with a call of a tool."""
    await app.configure(SPOKEN)
    for words in ("Hello", "The weather?"):
        await app.speak(words)
        await app.answered()


async def written(app: App) -> None:
    """Two written turns; the item that was said first is taken away between them."""
    await app.configure(WRITTEN)
    for words in ("Where is my order?", "Thank you."):
        await app.write(words)
        await app.say("response.create")
        done = await app.answered()
    await app.say("conversation.item.retrieve", item_id=done["response"]["output"][0]["id"])
    await app.hear("conversation.item.retrieved")


async def barging_in(app: App) -> None:
    """The user speaks into a long answer; the app tells how much it had played."""
    await app.configure(SPOKEN | {"tools": []})
    await app.write("Tell me a story")
    await app.say("response.create")
    delta = await app.hear("response.output_audio.delta")
    await app.speak("Stop!")
    await app.hear("input_audio_buffer.speech_started")
    await app.say("conversation.item.truncate", item_id=delta["item_id"], content_index=0, audio_end_ms=100)
    await app.hear("conversation.item.truncated")
    await app.answered()


async def cancelling(app: App) -> None:
    """A long answer is cancelled by its id, and another one asked for."""
    await app.configure(SPOKEN | {"tools": []})
    await app.write("Tell me a story")
    await app.say("response.create")
    delta = await app.hear("response.output_audio.delta")
    await app.say("response.cancel", response_id=delta["response_id"])
    assert (await app.hear("response.done"))["response"]["status"] == "cancelled"
    await app.write("Something short, please.")
    await app.say("response.create")
    await app.answered()


async def by_hand(app: App) -> None:
    """Turns that the app ends itself."""
    await app.configure({**SPOKEN, "tools": [], "audio": {"input": {"turn_detection": None}}})
    for words in ("One", "Two"):
        await app.speak(words, pause_ms=0)
        await app.say("input_audio_buffer.commit")
        await app.say("response.create")
        await app.answered()


async def hold(talk: Talk, url: str, key: str, name: str) -> App:
    """Hold one, under a name in the log."""
    headers = {"Authorization": f"Bearer {key}", "baggage": f"session-id={name}"}
    async with connect(url, additional_headers=headers, compression=None, max_size=None) as socket:
        app = App(socket)
        await talk(app)
        return app


async def with_pauses(app: App) -> None:
    """Two spoken turns with a pause in each, after which the user goes on."""
    patient = {"type": "server_vad", "silence_duration_ms": 1000}
    await app.configure(SPOKEN | {"tools": [], "audio": {"input": {**SPOKEN["audio"]["input"], "turn_detection": patient}}})
    for _ in range(2):
        await app.speak("Hello", pause_ms=600)
        await app.speak("my good friend", pause_ms=1200)
        await app.answered()


async def open_microphone(app: App) -> None:
    """Two spoken turns from a microphone that is always on, also while the model answers and plays."""
    await app.configure(SPOKEN)
    words: asyncio.Queue[bytes] = asyncio.Queue()
    microphone = asyncio.create_task(_microphone(app, words))
    try:
        for said in ("Hello", "The weather?"):
            sound = speak(said)
            for start in range(0, len(sound), _CHUNK):
                words.put_nowait(sound[start : start + _CHUNK])
            await app.answered()
    finally:
        microphone.cancel()


async def _microphone(app: App, words: asyncio.Queue[bytes]) -> None:
    """A tenth of a second every 20 ms: five times as fast as one, so that tests need not take as long."""
    while True:
        sound = words.get_nowait() if words.qsize() else bytes(_CHUNK)
        await app.say("input_audio_buffer.append", audio=base64.b64encode(sound).decode())
        await asyncio.sleep(0.02)
