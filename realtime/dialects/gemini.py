"""Gemini Live (AI Studio and Vertex): messages without a type, several facts in one frame, answers without an id.

Answers stay without an id, for only one is open at a time; what the user says is numbered `input-1`, …. An answer begins
with the first content and ends with `turnComplete`, or with a `toolCall` after which its turn goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Final

from realtime.audio import PCM16_16K
from realtime.audio import PCM16_24K
from realtime.audio import parse_format
from realtime.dialects.fields import Fields
from realtime.dialects.fields import audio_size
from realtime.dialects.fields import obj
from realtime.dialects.fields import objects
from realtime.dialects.fields import text
from realtime.dialects.gemini_read import INTERRUPTED
from realtime.dialects.gemini_read import RATE_OUT
from realtime.dialects.gemini_read import Ending
from realtime.dialects.gemini_read import audio_blobs
from realtime.dialects.gemini_read import both
from realtime.dialects.gemini_read import configuration
from realtime.dialects.gemini_read import ending
from realtime.dialects.gemini_read import has
from realtime.dialects.gemini_read import is_audio
from realtime.dialects.gemini_read import is_true
from realtime.dialects.gemini_read import tool_calls
from realtime.dialects.gemini_read import tool_names
from realtime.dialects.gemini_read import tool_results
from realtime.frame import Frame
from realtime.signals import AudioOut
from realtime.signals import InputCommitted
from realtime.signals import InputTranscript
from realtime.signals import ResponseFinished
from realtime.signals import ResponseRequested
from realtime.signals import ResponseStarted
from realtime.signals import SessionConfig
from realtime.signals import SessionEnded
from realtime.signals import Signal
from realtime.signals import SpeechStarted
from realtime.signals import SpeechStopped
from realtime.signals import TextOut
from realtime.signals import ToolCall
from realtime.signals import UsageReport
from realtime.signals import UserItem
from realtime.usage import Usage
from realtime.usage import read_usage


class Gemini:
    """Where the session stands between two frames; a handful of fields, whatever the peers send."""

    name = "gemini"
    formats = (PCM16_16K, PCM16_24K)

    __slots__ = ("_answered", "_awaited", "_cut", "_input", "_open", "_paused", "_spoke", "_told", "_transcribed", "_usage")

    def __init__(self) -> None:
        self._open = False
        self._cut = False
        """The open or paused answer was interrupted; its `turnComplete` has not come yet."""
        self._paused = False
        """The last answer ended in a tool call: its turn goes on."""
        self._answered = False
        """The app has sent a tool result since."""
        self._awaited = False
        """The client asked for an answer: even an empty one is one."""
        self._usage: Usage | None = None
        """The last count of the open answer: counts of one answer replace each other."""
        self._input = 1
        self._spoke = False
        self._told = False
        """Whether the user's side of this turn is known already: typed, or announced as spoken."""
        self._transcribed = False

    def signals(self, frame: Frame) -> Sequence[Signal]:
        """See `Dialect`. The server's JSON comes in binary frames."""
        event = frame.event
        if event is None:
            return ()
        return tuple(self._of_client(event) if frame.from_client else self._of_server(event))

    def end(self) -> Sequence[Signal]:
        """The end of an interrupted answer, and the count of one that was never completed."""
        return tuple(self._finish(INTERRUPTED) if self._cut else self._left_over())

    @property
    def _input_id(self) -> str:
        return f"input-{self._input}"

    @property
    def _speech_id(self) -> str:
        """What the user says while an answer is under way belongs to the next turn."""
        under_way = (self._open or self._paused) and not self._cut
        return f"input-{self._input + under_way}"

    # -- the client -----------------------------------------------------------------------------------------------------

    def _of_client(self, event: Fields) -> Iterator[Signal]:
        for name, read in _CLIENT.items():
            if has(event, name):
                yield from read(self, obj(event, *both(name)))

    def setup(self, setup: Fields) -> Iterator[Signal]:
        yield configuration(setup)

    def update(self, update: Fields) -> Iterator[Signal]:
        yield SessionConfig(confirmed=False, tools=tool_names(obj(update, "tools")))

    def stream(self, sent: Fields) -> Iterator[Signal]:
        """`realtimeInput`: audio, text and the marks of manual activity detection."""
        if has(sent, "activityStart"):
            yield SpeechStarted(self._speech_id)
        for audio in audio_blobs(sent):
            self._spoke = True
            yield audio
        if typed := text(sent, "text"):
            self._told = True
            yield UserItem(None, typed)
        if has(sent, "activityEnd"):
            yield SpeechStopped(self._speech_id)
        if has(sent, "activityEnd") or is_true(sent, "audioStreamEnd"):
            yield InputCommitted(self._speech_id)

    def content(self, content: Fields) -> Iterator[Signal]:
        """`clientContent`: turns of the user; `turnComplete` asks for the answer."""
        for turn in objects(content, "turns"):
            if (text(turn, "role") or "user") == "user":
                parts = objects(turn, "parts")
                self._told = True
                spoken = any(is_audio(obj(part, *both("inlineData"))) for part in parts)
                yield UserItem(None, "".join(text(part, "text") or "" for part in parts), spoken)
        if is_true(content, "turnComplete"):
            self._awaited = True
            yield ResponseRequested()

    def results(self, response: Fields) -> Iterator[Signal]:
        self._answered = True
        yield from tool_results(response)

    # -- the server -----------------------------------------------------------------------------------------------------

    def _of_server(self, event: Fields) -> Iterator[Signal]:
        self._usage = read_usage(event) or self._usage
        if has(event, "setupComplete"):
            yield SessionConfig(confirmed=True, id=text(obj(event, *both("setupComplete")), *both("sessionId")))
        yield from self._voice_activity(event)
        content = obj(event, *both("serverContent"))
        yield from self._heard(obj(content, *both("inputTranscription")))
        yield from self._spoken(content)
        yield from self._ended(content)
        yield from self._called(event)
        if has(event, "goAway"):
            yield SessionEnded("go_away")
        if not self._open and not self._cut:
            yield from self._left_over()

    def _left_over(self) -> Iterator[Signal]:
        usage, self._usage = self._usage, None
        if usage is not None:
            yield UsageReport(usage)

    def _voice_activity(self, event: Fields) -> Iterator[Signal]:
        stated = text(obj(event, *both("voiceActivity")), *both("voiceActivityType"))
        signal = _ACTIVITY.get(stated or text(obj(event, *both("voiceActivityDetectionSignal")), *both("vadSignalType")) or "")
        if signal is not None:
            yield signal(self._speech_id)

    def _heard(self, transcription: Fields) -> Iterator[Signal]:
        words, finished = text(transcription, "text") or "", is_true(transcription, "finished")
        if words or (finished and self._transcribed):
            yield from self._announce()
            self._transcribed = not finished
            yield InputTranscript(self._input_id, words, final=finished)

    def _announce(self) -> Iterator[Signal]:
        """Say once that the user's side of this turn was spoken."""
        if not self._told:
            self._told = True
            yield UserItem(self._input_id, "", spoken=True)

    def _spoken(self, content: Fields) -> Iterator[Signal]:
        """What the model says; its thoughts are not said. Transcripts may lag behind an interruption."""
        for part in objects(obj(content, *both("modelTurn")), "parts"):
            blob = obj(part, *both("inlineData"))
            if is_audio(blob):
                yield from self._begin()
                sound, stated = text(blob, "data") or "", parse_format(text(blob, *both("mimeType")), RATE_OUT)
                yield AudioOut(audio_size(sound), format=stated, data=sound)
            elif (words := text(part, "text")) and part.get("thought") is not True:
                yield from self._begin()
                yield TextOut(words)
        if words := text(obj(content, *both("outputTranscription")), "text"):
            if not self._cut:
                yield from self._begin()
            yield TextOut(words, "transcript")

    def _begin(self) -> Iterator[Signal]:
        if self._cut:
            yield from self._finish(INTERRUPTED)
        if self._open:
            return
        self._open = True
        if self._spoke and not self._paused:
            yield from self._announce()
        yield ResponseStarted(None)

    def _ended(self, content: Fields) -> Iterator[Signal]:
        """`interrupted` cuts an answer off, the `turnComplete` after it ends it; that of a pending tool call ends nothing."""
        if is_true(content, "interrupted") and (self._open or self._paused) and not self._cut:
            yield from self._transcript_ends()
            self._cut = True
            self._next_input()
        if not is_true(content, "turnComplete"):
            return
        how = INTERRUPTED if self._cut else ending(content)
        if self._open or self._cut or (self._paused and self._answered):
            yield from self._finish(how)
        elif self._awaited or how.status != "completed":
            yield from self._begin()
            yield from self._finish(how)

    def _called(self, event: Fields) -> Iterator[Signal]:
        if has(event, "toolCall"):
            yield from self._begin()
            calls = tool_calls(obj(event, *both("toolCall")))
            yield from calls
            yield from self._finish(Ending("completed"), calls)
        if has(event, "toolCallCancellation") and self._paused and not self._open:
            yield from self._finish(INTERRUPTED)

    def _finish(self, how: Ending, calls: tuple[ToolCall, ...] | None = None) -> Iterator[Signal]:
        """End the answer; with `calls`, even none that can be read, its turn goes on."""
        yield from self._transcript_ends()
        usage, self._usage = self._usage, None
        self._paused = calls is not None
        yield ResponseFinished(None, how.status, how.reason, how.error, None, calls or (), usage, continues=self._paused)
        self._open = self._awaited = self._answered = False
        if not self._paused and not self._cut:
            self._next_input()
        self._cut = False

    def _transcript_ends(self) -> Iterator[Signal]:
        if self._transcribed:
            self._transcribed = False
            yield InputTranscript(self._input_id, "", final=True)

    def _next_input(self) -> None:
        self._input += 1
        self._spoke = self._told = False


_ACTIVITY: Final[dict[str, Callable[[str], Signal]]] = {
    "ACTIVITY_START": SpeechStarted,
    "ACTIVITY_END": SpeechStopped,
    "VAD_SIGNAL_TYPE_SOS": SpeechStarted,
    "VAD_SIGNAL_TYPE_EOS": SpeechStopped,
}

_CLIENT: Final[dict[str, Callable[[Gemini, Fields], Iterator[Signal]]]] = {
    "setup": Gemini.setup,
    "contextUpdate": Gemini.update,
    "realtimeInput": Gemini.stream,
    "clientContent": Gemini.content,
    "toolResponse": Gemini.results,
}
