"""Between a session and the ears of its caller: sound goes to the voice, and the session learns what was really played.

Adds what only calls have: `output_audio_buffer.started|stopped|cleared`, the client's `output_audio_buffer.clear`, and
truncation by the server where the caller talked over an answer. Names and moments are those of the openai package's
`output_audio_buffer` events; order among themselves was never compared with a live server.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable
from collections.abc import Iterator

from simulator.machine import Machine
from simulator.session import RealtimeSession
from simulator.shapes import CLEAR
from simulator.timeline import Event
from simulator.voice import Playback
from simulator.voice import Voice


class Playout:
    """`route` is given every event on its way out; `wake` is called when the session got something to say by playing."""

    def __init__(self, machine: Machine, wake: Callable[[], None]) -> None:
        self.voice = Voice(self._began, self._ended)
        self._machine = machine
        self._wake = wake
        self._cleared: str | None = None
        if isinstance(machine, RealtimeSession):
            machine.serve("output_audio_buffer.clear", CLEAR, self._clear)

    def route(self, event: Event) -> Iterator[Event]:
        """The event, unless it is sound: that is played instead."""
        kind = event["type"]
        if kind == self._machine.spoken:
            self._play(event)
            return
        if kind == "input_audio_buffer.speech_started":
            self._interrupted()
        elif kind == "response.done":
            self._done(event["response"])
        yield event

    def _play(self, event: Event) -> None:
        response_id = event.get("response_id")
        if response_id is None or response_id != self._cleared:
            self.voice.add(response_id, event.get("item_id", ""), b64decode(event["delta"]))

    def _done(self, response: Event) -> None:
        if response["status"] == "cancelled":
            self._cut()
        self.voice.finish(response["id"])

    def _interrupted(self) -> None:
        if not isinstance(self._machine, RealtimeSession):
            self.voice.clear()
        elif self._machine.interruptible:
            for each in self._cut():
                self._machine.cut_short(each.item_id, each.played_ms)

    def _clear(self, event: Event) -> None:
        self._cut()

    def _cut(self) -> list[Playback]:
        """Silence at once; whatever else comes of the answer that was heard is not played."""
        begun = self.voice.clear()
        for each in begun:
            self._cleared = each.response_id
            self._tell("cleared", each)
        return begun

    def _began(self, playback: Playback) -> None:
        self._tell("started", playback)

    def _ended(self, playback: Playback) -> None:
        self._tell("stopped", playback)

    def _tell(self, what: str, playback: Playback) -> None:
        if playback.response_id is not None:
            self._machine.send({"type": f"output_audio_buffer.{what}", "response_id": playback.response_id})
            self._wake()
