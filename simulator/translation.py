"""A translation session (`/v1/realtime/translations`): it hears, and speaks the same in another language. No turns, no usage.

Each utterance that the voice detector finds is answered with the next transcript and translation of the script.
"""

from __future__ import annotations

from typing import Final

from realtime.audio import PCM16_24K
from simulator.audio import CHUNK_MS
from simulator.audio import beats
from simulator.machine import Machine
from simulator.machine import Setup
from simulator.machine import sound
from simulator.shapes import TRANSLATING
from simulator.timeline import Event
from simulator.timeline import Steps
from simulator.vad import Stopped
from simulator.vad import Tuning
from simulator.vad import VoiceDetector

_DELAY: Final = 0.3
_PCM: Final = {"sample_rate": PCM16_24K.rate, "channels": 1, "format": "pcm16"}


class TranslationSession(Machine):
    """Audio is 24 kHz PCM16 both ways."""

    shapes = TRANSLATING
    append = "session.input_audio_buffer.append"
    spoken = "session.output_audio.delta"

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self._session: Event = {
            "type": "translation",
            "id": self.new_id("sess"),
            "model": setup.model or "gpt-realtime-translate",
            "audio": {"input": {"transcription": None, "noise_reduction": None}, "output": {"language": "en"}},
            "expires_at": setup.expires_at,
        }
        self._configure(setup.session.get("audio", {}))
        self._detector = VoiceDetector(PCM16_24K, Tuning(silence_ms=300))
        self._utterances = 0
        self._speaking = 0
        self._closing = False
        self.handlers |= {
            "session.update": self._update,
            "session.input_audio_buffer.append": self._append,
            "session.close": self._close,
        }

    def introduction(self) -> Event | None:
        return {"type": "session.created", "session": self._session}

    def _update(self, event: Event) -> None:
        self._configure(event["session"].get("audio", {}))
        self.send({"type": "session.updated", "session": self._session})

    def _configure(self, changed: Event) -> None:
        audio = {side: {**settings, **changed.get(side, {})} for side, settings in self._session["audio"].items()}
        self._session = {**self._session, "audio": audio}

    def _append(self, event: Event) -> None:
        for edge in self._detector.feed(sound(event)):
            if isinstance(edge, Stopped):
                self._translate(edge)

    def _translate(self, edge: Stopped) -> None:
        script = self.setup.script
        steps = self._steps(
            script.transcripts[self._utterances % len(script.transcripts)],
            script.translations[self._utterances % len(script.translations)],
            edge.at_ms,
        )
        self._utterances += 1
        self._speaking += 1
        self.timeline.play(self.now, steps)

    def _steps(self, heard: str, said: str, elapsed_ms: int) -> Steps:
        pace = self.setup.pace
        if self._session["audio"]["input"]["transcription"] is not None:
            yield 0.0, {"type": "session.input_transcript.delta", "delta": heard, "elapsed_ms": elapsed_ms}
        wait = _DELAY * pace
        for beat in beats(said):
            yield wait, {"type": "session.output_transcript.delta", "delta": beat.text, "elapsed_ms": elapsed_ms}
            wait = 0.0
            for chunk in beat.chunks:
                yield wait, {"type": "session.output_audio.delta", "delta": chunk, "elapsed_ms": elapsed_ms, **_PCM}
                elapsed_ms += CHUNK_MS
                wait = pace * CHUNK_MS / 1000
        self._speaking -= 1
        if self._closing and not self._speaking:
            self._say_goodbye()

    def _close(self, event: Event) -> None:
        """What was heard is still spoken to its end."""
        self._closing = True
        if not self._speaking:
            self._say_goodbye()

    def _say_goodbye(self) -> None:
        self.send({"type": "session.closed"})
        self.close(1000)
