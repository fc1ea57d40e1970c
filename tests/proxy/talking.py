"""A client of the GA protocol that talks in short sentences: what it says, and every event that it heard, in order."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from typing import Any

from websockets.asyncio.client import ClientConnection

from simulator.audio import silence
from simulator.audio import speak

Event = dict[str, Any]

_PATIENCE = 20
_CHUNK = 4_800
"""Bytes of one append: 100 ms of PCM16 at 24 kHz."""


class Talk:
    """`async with proxy.connect(…) as socket: talk = Talk(socket)`."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.heard: list[Event] = []

    async def say(self, kind: str, **fields: Any) -> None:
        await self.socket.send(json.dumps({"type": kind, **fields}))

    async def until(self, kind: str, times: int = 1) -> Event:
        """Listen until an event of this type came so often; the last one."""
        while times:
            event = json.loads(await asyncio.wait_for(self.socket.recv(), _PATIENCE))
            self.heard.append(event)
            times -= event["type"] == kind
        return self.heard[-1]

    def all(self, kind: str) -> list[Event]:
        return [event for event in self.heard if event["type"] == kind]

    async def update(self, **session: Any) -> Event:
        """Configure the session; returns what is in force then."""
        await self.say("session.update", session={"type": "realtime", **session})
        found: Event = (await self.until("session.updated"))["session"]
        return found

    async def text(self, words: str) -> None:
        await self.say("conversation.item.create", item=message(words))

    async def ask(self, **response: Any) -> Event:
        """Ask for an answer and hear it to its end."""
        await self.say("response.create", response=response)
        return await self.done()

    async def done(self, times: int = 1) -> Event:
        """The response that ended, as its `response.done` has it."""
        found: Event = (await self.until("response.done", times))["response"]
        return found

    async def result(self, call_id: str, output: str) -> None:
        await self.say("conversation.item.create", item={"type": "function_call_output", "call_id": call_id, "output": output})

    async def voice(self, words: str, quiet_ms: int = 800, kind: str = "input_audio_buffer.append") -> float:
        """Speak, then be quiet; returns the seconds of sound that were sent."""
        sound = speak(words) + silence(quiet_ms)
        for start in range(0, len(sound), _CHUNK):
            await self.say(kind, audio=b64encode(sound[start : start + _CHUNK]).decode())
        return len(sound) / 48_000


def message(words: str) -> Event:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": words}]}
