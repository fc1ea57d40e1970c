"""vLLM's realtime transcription: OpenAI's append and commit, event names and usage of its own, no item ids."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence

from realtime.audio import PCM16_16K
from realtime.audio import PCM16_24K
from realtime.dialects.fields import Fields
from realtime.dialects.fields import obj
from realtime.dialects.fields import raw_text
from realtime.dialects.fields import text
from realtime.dialects.readers import audio_in
from realtime.dialects.readers import failed
from realtime.dialects.table import TableDialect
from realtime.dialects.table import of_event
from realtime.frame import Frame
from realtime.signals import InputCommitted
from realtime.signals import InputTranscript
from realtime.signals import SessionConfig
from realtime.signals import Signal
from realtime.usage import read_usage


class VLLM(TableDialect):
    """Numbers the utterances (`utterance-1`, …), since the wire names none: each ends with `transcription.done`."""

    name = "vllm"
    formats = (PCM16_16K, PCM16_24K)

    __slots__ = ("_utterance",)

    def __init__(self) -> None:
        self._utterance = 1

    @property
    def utterance(self) -> str:
        """The id of the utterance being spoken or transcribed."""
        return f"utterance-{self._utterance}"

    def committed(self, frame: Frame) -> Sequence[Signal]:
        return (InputCommitted(self.utterance),)

    def delta(self, frame: Frame) -> Sequence[Signal]:
        words = raw_text(frame.head.delta)
        return (InputTranscript(self.utterance, words),) if words else ()

    def done(self, event: Fields) -> Iterator[Signal]:
        spoken = self.utterance
        self._utterance += 1
        yield InputTranscript(spoken, text(event, "text") or "", final=True, replace=True, usage=read_usage(event), usage_id=spoken)


def _asked(dialect: VLLM, event: Fields) -> Iterator[Signal]:
    """`session.update` is flat here; a client that nests `session` as elsewhere is understood too."""
    model = text(event, "model") or text(obj(event, "session"), "model")
    yield SessionConfig(confirmed=False, model=model, kind="transcription", transcription_model=model)


def _created(dialect: VLLM, event: Fields) -> Iterator[Signal]:
    """The format is not negotiated: vLLM's reader takes PCM16 at 16 kHz."""
    yield SessionConfig(confirmed=True, id=text(event, "id"), model=text(event, "model"), kind="transcription", input_format=PCM16_16K)


VLLM.from_client = {
    "input_audio_buffer.append": audio_in,
    "input_audio_buffer.commit": VLLM.committed,
    "session.update": of_event(_asked),
}
VLLM.from_server = {
    "session.created": of_event(_created),
    "transcription.delta": VLLM.delta,
    "transcription.done": of_event(VLLM.done),
    "error": failed,
}
