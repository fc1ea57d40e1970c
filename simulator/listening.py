"""The listening half of a GA session: configuration, the input audio buffer, voice detection, user items and their transcripts.

Sound is measured and judged, not kept: an item knows how long it is, and its words come from the script.
"""

from __future__ import annotations

from typing import ClassVar
from typing import Final

from realtime.audio import AudioFormat
from simulator.config import Config
from simulator.config import Kind
from simulator.config import audio_format
from simulator.config import defaults
from simulator.config import updated
from simulator.conversation import Conversation
from simulator.conversation import Entry
from simulator.machine import Machine
from simulator.machine import Setup
from simulator.machine import sound
from simulator.schema import Refused
from simulator.timeline import Event
from simulator.transcripts import transcription
from simulator.vad import Started
from simulator.vad import Stopped
from simulator.vad import Tuning
from simulator.vad import VoiceDetector

_LEAST_COMMIT_MS: Final = 100


class Listening(Machine):
    """A session that hears; what it does about it is the subclass's."""

    kind: ClassVar[Kind]

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self.config: Config = updated(defaults(self.kind, self.new_id("sess"), setup.model, setup.expires_at), dict(setup.session))
        self.items = Conversation()
        self.heard = 0
        """Spoken turns so far."""
        self._position_ms = 0.0
        self._pending_ms = 0.0
        self._speaking: str | None = None
        self._detector = self._new_detector()
        self.handlers |= {
            "session.update": self._update,
            "input_audio_buffer.append": self._append,
            "input_audio_buffer.commit": self._commit,
            "input_audio_buffer.clear": self._clear,
            "conversation.item.retrieve": self._retrieve,
            "conversation.item.delete": self._delete,
        }

    def introduction(self) -> Event | None:
        return {"type": "session.created", "session": self.config}

    def speech_began(self) -> None:
        """The user started to talk."""

    def turn_taken(self) -> None:
        """The voice detector committed a whole turn of the user."""

    @property
    def detection(self) -> Config | None:
        """The effective `turn_detection`, None in manual mode."""
        found: Config | None = self.config["audio"]["input"]["turn_detection"]
        return found

    def check_update(self, update: Config) -> None:
        """Raises `Refused` for what may not change now."""
        if "type" in update and update["type"] != self.kind:
            message = f"Passing a {update['type']} session update event to a {self.kind} session is not allowed."
            raise Refused("invalid_value", message, "session.type")

    def _update(self, event: Event) -> None:
        update = event["session"]
        self.check_update(update)
        before = self.config["audio"]["input"]
        self.config = updated(self.config, {key: value for key, value in update.items() if key != "model" or self.config["model"] is None})
        after = self.config["audio"]["input"]
        if (before["format"], before["turn_detection"]) != (after["format"], after["turn_detection"]):
            self._detector = self._new_detector()
        self.send({"type": "session.updated", "session": self.config})

    def _new_detector(self) -> VoiceDetector | None:
        if self.detection is None:
            return None
        return VoiceDetector(self._format, Tuning.of(self.detection), int(self._position_ms))

    @property
    def _format(self) -> AudioFormat:
        return self.setup.line or audio_format(self.config["audio"]["input"]["format"])

    def _append(self, event: Event) -> None:
        audio = sound(event)
        milliseconds = (self._format.seconds(len(audio)) or 0.0) * 1000
        self._position_ms += milliseconds
        self._pending_ms += milliseconds
        for edge in self._detector.feed(audio) if self._detector else ():
            self._hear(edge)

    def _hear(self, edge: Started | Stopped) -> None:
        if isinstance(edge, Started):
            self._speaking = self.new_id("item")
            self.send({"type": "input_audio_buffer.speech_started", "audio_start_ms": edge.at_ms, "item_id": self._speaking})
            self.speech_began()
            return
        self.send({"type": "input_audio_buffer.speech_stopped", "audio_end_ms": edge.at_ms, "item_id": self._speaking})
        self._take(edge.at_ms - edge.start_ms)
        self.turn_taken()

    def _commit(self, event: Event) -> None:
        if self._pending_ms < _LEAST_COMMIT_MS:
            expected = f"Expected at least {_LEAST_COMMIT_MS}ms of audio, but buffer only has {self._pending_ms:.2f}ms of audio."
            raise Refused("input_audio_buffer_commit_empty", f"Error committing input audio buffer: buffer too small. {expected}")
        self._take(int(self._pending_ms))
        self._detector = self._new_detector()

    def _take(self, milliseconds: int) -> None:
        """Makes the buffered sound an item of the conversation."""
        item_id = self._speaking or self.new_id("item")
        self._speaking = None
        self._pending_ms = 0.0
        self.send({"type": "input_audio_buffer.committed", "previous_item_id": self.items.last_id, "item_id": item_id})
        words = self.next_words()
        entry = Entry(self.spoken_item(item_id), milliseconds, words)
        self.add_item(entry)
        self._transcribe(entry)

    def next_words(self) -> str:
        """What the next spoken turn is taken to say."""
        self.heard += 1
        return self.setup.script.transcripts[(self.heard - 1) % len(self.setup.script.transcripts)]

    def spoken_item(self, item_id: str) -> Event:
        """The user's message as it is added: its transcript comes later, if at all."""
        content = [{"type": "input_audio", "transcript": None}]
        return {"id": item_id, "object": "realtime.item", "type": "message", "status": "completed", "role": "user", "content": content}

    def add_item(self, entry: Entry, previous: str | None = None) -> None:
        """Adds a finished item and tells the client."""
        after = self.items.add(entry, previous)
        for what in ("added", "done"):
            self.send({"type": f"conversation.item.{what}", "previous_item_id": after, "item": entry.shown()})

    def _transcribe(self, entry: Entry) -> None:
        wanted = self.config["audio"]["input"]["transcription"]
        if wanted is not None:
            self.timeline.play(self.now, transcription(entry, wanted.get("model") or "", self.setup.pace))

    def _clear(self, event: Event) -> None:
        self._pending_ms = 0.0
        self._speaking = None
        self._detector = self._new_detector()
        self.send({"type": "input_audio_buffer.cleared"})

    def _retrieve(self, event: Event) -> None:
        entry = self.items.find(event["item_id"], "item_retrieve")
        self.send({"type": "conversation.item.retrieved", "item": entry.shown()})

    def _delete(self, event: Event) -> None:
        self.items.remove(event["item_id"])
        self.send({"type": "conversation.item.deleted", "item_id": event["item_id"]})
