"""Drives a session without I/O: `say` sends client events and returns what came of them by then, each judged."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from typing import Any

from strict_ga import judge

from realtime.audio import PCM16_24K
from realtime.audio import AudioFormat
from simulator.audio import silence
from simulator.audio import speak
from simulator.machine import Machine
from simulator.machine import Setup
from simulator.script import Script
from simulator.session import RealtimeSession
from simulator.timeline import Close

Event = dict[str, Any]


class Talk:
    """A conversation at a clock of its own. With pace 0 everything comes at once."""

    def __init__(
        self,
        kind: type[Machine] = RealtimeSession,
        *,
        script: Script | None = None,
        pace: float = 0,
        check: Callable[[Event], None] = judge,
        model: str = "gpt-realtime",
    ) -> None:
        self.now = 0.0
        self.closed: Close | None = None
        self._check = check
        self.machine = kind(Setup(script or Script(), model, pace, wall=1_790_000_000))
        self.machine.open(self.now)
        self.greeting = self._drain()

    def say(self, *events: Event) -> list[Event]:
        for event in events:
            self.machine.receive(event, self.now)
        return self._drain()

    def update(self, **session: Any) -> list[Event]:
        return self.say({"type": "session.update", "session": {"type": "realtime", **session}})

    def text(self, words: str) -> list[Event]:
        content = [{"type": "input_text", "text": words}]
        return self.say({"type": "conversation.item.create", "item": {"type": "message", "role": "user", "content": content}})

    def ask(self, **response: Any) -> list[Event]:
        return self.say({"type": "response.create", "response": response})

    def voice(self, words: str = "Hello there, can you hear me", quiet_ms: int = 800, form: AudioFormat = PCM16_24K) -> list[Event]:
        return self.say(*appends(speak(words, form)), *appends(silence(quiet_ms, form)))

    def wait(self, seconds: float) -> list[Event]:
        self.now += seconds
        return self._drain()

    def _drain(self) -> list[Event]:
        events: list[Event] = []
        while (sent := self.machine.pop(self.now)) is not None:
            if isinstance(sent, Close):
                self.closed = sent
                break
            events.append(json.loads(json.dumps(sent)))
            self._check(events[-1])
        return events


def appends(audio: bytes, kind: str = "input_audio_buffer.append", size: int = 4_800) -> list[Event]:
    """Audio as clients send it: 100 ms a message."""
    return [{"type": kind, "audio": b64encode(audio[start : start + size]).decode()} for start in range(0, len(audio), size)]


def kinds(events: list[Event]) -> list[str]:
    """The types, runs of the same delta as one."""
    found: list[str] = []
    for event in events:
        if not (found and event["type"].endswith(".delta") and event["type"] in found[-2:]):
            found.append(event["type"])
    return found


def only(events: list[Event], kind: str) -> Event:
    """The one event of this type."""
    (found,) = [event for event in events if event["type"] == kind]
    return found


def error(events: list[Event]) -> Event:
    """The error that the events consist of."""
    assert [event["type"] for event in events] == ["error"], events
    return events[0]["error"]
