"""ElevenLabs agents (`/v1/convai/conversation`): whole utterances, numbered audio, no ids of answers and no usage.

The user's utterances are numbered `input-1`, …, the agent's `response-1`, …. An utterance of the agent begins with its
first audio, text or tool call; it ends with `agent_response_complete` where that event is subscribed, else with the next thing
that can only follow it: an interruption, the user's next transcript, or the agent's next utterance.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence

from realtime.audio import PCM16_16K
from realtime.audio import parse_format
from realtime.dialects.fields import Fields
from realtime.dialects.fields import as_json
from realtime.dialects.fields import audio_size
from realtime.dialects.fields import obj
from realtime.dialects.fields import text
from realtime.dialects.fields import whole
from realtime.dialects.readers import failed
from realtime.dialects.table import TableDialect
from realtime.dialects.table import of_event
from realtime.frame import Frame
from realtime.signals import AudioIn
from realtime.signals import AudioOut
from realtime.signals import InputCommitted
from realtime.signals import InputTranscript
from realtime.signals import ResponseFinished
from realtime.signals import ResponseRequested
from realtime.signals import ResponseStarted
from realtime.signals import SessionConfig
from realtime.signals import Signal
from realtime.signals import TextOut
from realtime.signals import ToolCall
from realtime.signals import ToolResult
from realtime.signals import UserItem


class ElevenLabs(TableDialect):
    """Remembers the open utterance, and up to which audio the last interruption reaches."""

    name = "elevenlabs"
    formats = (PCM16_16K, PCM16_16K)

    __slots__ = ("_answers", "_cut", "_inputs", "_interrupted", "_open", "_whole")

    def __init__(self) -> None:
        self._answers = 0
        self._inputs = 0
        self._interrupted = 0
        self._open = False
        self._cut = False
        """The open utterance was interrupted; what of it was heard may still be corrected."""
        self._whole = False
        """The open utterance's whole text was seen."""

    def signals(self, frame: Frame) -> Sequence[Signal]:
        """See `Dialect`. The client's audio is the one event without a type, and counts with a foreign one as well."""
        if frame.from_client and frame.type not in self.from_client:
            sound = text(frame.event or {}, "user_audio_chunk") or ""
            size = audio_size(sound)
            return (AudioIn(size, data=sound),) if size else ()
        return super().signals(frame)

    def end(self) -> Sequence[Signal]:
        """The last utterance counts as completed when its whole text came: without the opt-in event nothing else can tell."""
        return tuple(self._finish()) if self._whole or self._cut else ()

    @property
    def _answer_id(self) -> str:
        return f"response-{self._answers}"

    def _begin(self) -> Iterator[Signal]:
        if self._cut:
            yield from self._finish()
        if not self._open:
            self._open = True
            self._answers += 1
            yield ResponseStarted(self._answer_id)

    def _finish(self) -> Iterator[Signal]:
        if self._open:
            yield ResponseFinished(self._answer_id, *(("cancelled", "turn_detected") if self._cut else ("completed",)))
        self._open = self._cut = self._whole = False

    def audio(self, event: Fields) -> Iterator[Signal]:
        """Audio up to an interruption may still arrive after it: received, but it begins no utterance."""
        sent = obj(event, "audio_event")
        number = whole(sent, "event_id")
        if number is None or number > self._interrupted:
            yield from self._begin()
        sound = text(sent, "audio_base_64") or ""
        yield AudioOut(audio_size(sound), self._answer_id, data=sound)

    def said(self, event: Fields) -> Iterator[Signal]:
        """The whole utterance; not final, since an interruption may correct it."""
        words = text(obj(event, "agent_response_event"), "agent_response")
        if words is None:
            return
        if self._whole:
            yield from self._finish()
        yield from self._begin()
        self._whole = True
        yield TextOut(words, "transcript", self._answer_id, replace=True)

    def part(self, event: Fields) -> Iterator[Signal]:
        """Chat mode: the same words in pieces, before the whole."""
        words = text(obj(event, "text_response_part"), "text")
        if words:
            if self._whole:
                yield from self._finish()
            yield from self._begin()
            yield TextOut(words, "transcript", self._answer_id)

    def corrected(self, event: Fields) -> Iterator[Signal]:
        """What of the interrupted utterance was really heard."""
        words = text(obj(event, "agent_response_correction_event"), "corrected_agent_response")
        if words is not None and self._open:
            yield TextOut(words, "transcript", self._answer_id, replace=True)
        if self._cut:
            yield from self._finish()

    def completed(self, event: Fields) -> Iterator[Signal]:
        yield from self._finish()

    def interrupted(self, event: Fields) -> Iterator[Signal]:
        number = whole(obj(event, "interruption_event"), "event_id")
        self._interrupted = max(self._interrupted, number or 0)
        self._cut = self._open
        return iter(())

    def heard(self, event: Fields) -> Iterator[Signal]:
        words = text(obj(event, "user_transcription_event"), "user_transcript")
        if words is None:
            return
        yield from self._finish()
        self._inputs += 1
        item_id = f"input-{self._inputs}"
        yield UserItem(item_id, "", spoken=True)
        yield InputCommitted(item_id)
        yield InputTranscript(item_id, words, final=True, replace=True)

    def called(self, event: Fields) -> Iterator[Signal]:
        call = obj(event, "client_tool_call")
        name, call_id = text(call, "tool_name"), text(call, "tool_call_id")
        if name and call_id:
            yield from self._begin()
            yield ToolCall(call_id, name, as_json(call.get("parameters", {})), self._answer_id)


def _typed(dialect: ElevenLabs, event: Fields) -> Iterator[Signal]:
    """`user_message`, and the text of a `multimodal_message`, which nests one."""
    words = text(event, "text") or text(obj(event, "text"), "text")
    if words:
        yield UserItem(None, words)
    yield ResponseRequested()


def _result(dialect: ElevenLabs, event: Fields) -> Iterator[Signal]:
    yield ToolResult(text(event, "tool_call_id") or "", as_json(event.get("result", "")))


def _asked(dialect: ElevenLabs, event: Fields) -> Iterator[Signal]:
    override = obj(event, "conversation_config_override")
    yield SessionConfig(confirmed=False, kind="realtime", voice=text(obj(override, "tts"), "voice_id"))


def _confirmed(dialect: ElevenLabs, event: Fields) -> Iterator[Signal]:
    stated = obj(event, "conversation_initiation_metadata_event")
    yield SessionConfig(
        confirmed=True,
        id=text(stated, "conversation_id"),
        kind="realtime",
        input_format=parse_format(stated.get("user_input_audio_format")),
        output_format=parse_format(stated.get("agent_output_audio_format")),
    )


ElevenLabs.from_client = {
    "conversation_initiation_client_data": of_event(_asked),
    "user_message": of_event(_typed),
    "multimodal_message": of_event(_typed),
    "client_tool_result": of_event(_result),
}
ElevenLabs.from_server = {
    "conversation_initiation_metadata": of_event(_confirmed),
    "audio": of_event(ElevenLabs.audio),
    "agent_response": of_event(ElevenLabs.said),
    "agent_chat_response_part": of_event(ElevenLabs.part),
    "agent_response_correction": of_event(ElevenLabs.corrected),
    "agent_response_complete": of_event(ElevenLabs.completed),
    "interruption": of_event(ElevenLabs.interrupted),
    "user_transcript": of_event(ElevenLabs.heard),
    "client_tool_call": of_event(ElevenLabs.called),
    "client_error": failed,
    "error": failed,
}
