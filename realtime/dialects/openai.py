"""OpenAI Realtime and everything shaped after it: GA, beta, Azure, Voice Live, xAI, Bailian, GLM, StepFun, Speaches, LocalAI.

One table per direction names every event that means something; both spellings of an event share a reader. The audio
events are read from the frame's head alone, their JSON object is never built.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Final
from typing import Literal
from typing import NamedTuple

from realtime.audio import PCM16_24K
from realtime.dialects.error_event import error_of
from realtime.dialects.fields import Fields
from realtime.dialects.fields import obj
from realtime.dialects.fields import objects
from realtime.dialects.fields import raw_audio
from realtime.dialects.fields import raw_text
from realtime.dialects.fields import text
from realtime.dialects.fields import whole
from realtime.dialects.openai_items import item_signals
from realtime.dialects.openai_items import tool_call
from realtime.dialects.openai_response import finished
from realtime.dialects.openai_response import response_id
from realtime.dialects.openai_session import session_config
from realtime.dialects.readers import audio_in
from realtime.dialects.readers import ended
from realtime.dialects.readers import failed
from realtime.dialects.readers import heard
from realtime.dialects.table import Reader
from realtime.dialects.table import TableDialect
from realtime.dialects.table import of_event
from realtime.frame import Frame
from realtime.recent import Recent
from realtime.signals import AudioIn
from realtime.signals import AudioOut
from realtime.signals import InputCleared
from realtime.signals import InputCommitted
from realtime.signals import InputTranscript
from realtime.signals import Playback
from realtime.signals import ResponseRequested
from realtime.signals import ResponseStarted
from realtime.signals import Signal
from realtime.signals import SpeechStarted
from realtime.signals import SpeechStopped
from realtime.signals import TextOut
from realtime.signals import Truncated
from realtime.usage import read_usage

_OPEN_RESPONSES: Final = 64


class OpenAI(TableDialect):
    """The OpenAI family. Remembers the model, the last call and, per open answer, under which name its text came first."""

    name = "openai"
    formats = (PCM16_24K, PCM16_24K)

    __slots__ = ("_called", "_model", "_spelling")

    def __init__(self) -> None:
        self._called: str | None = None
        self._model: str | None = None
        self._spelling: Recent[tuple[str | None, str], str] = Recent(_OPEN_RESPONSES)

    def signals(self, frame: Frame) -> Sequence[Signal]:
        """See `Dialect`. A binary frame that is no JSON object is audio itself (xAI's binary transport)."""
        if not frame.text and frame.payload.lstrip()[:1] != b"{":
            sound, size = frame.payload, len(frame.payload)
            return (AudioIn(size, data=sound) if frame.from_client else AudioOut(size, data=sound),)
        return super().signals(frame)

    def session(self, event: Fields, confirmed: bool) -> Iterator[Signal]:
        config = session_config(event, confirmed, self._model)
        self._model = config.model or self._model
        yield config

    def items(self, event: Fields, from_client: bool) -> Iterator[Signal]:
        yield from item_signals([obj(event, "item")], from_client, self._called)

    def requested(self, event: Fields) -> Iterator[Signal]:
        """Items that a request brings along are its input, unless the answer stays outside the conversation."""
        asked = obj(event, "response")
        outside = text(asked, "conversation") == "none"
        for name in () if outside else ("input", "append_input_items"):
            yield from item_signals(objects(asked, name), True, self._called)
        yield ResponseRequested(text(event, "event_id"), text(asked, "model"), outside)

    def call(self, event: Fields) -> Iterator[Signal]:
        """A complete item, or complete arguments: these name the call from GA on, and in GLM by the item's id alone."""
        item = obj(event, "item") or {"id": event.get("item_id"), **event, "type": "function_call"}
        call = tool_call(item, text(event, "response_id"))
        if call is not None:
            self._called = call.call_id
            yield call

    def truncated(self, event: Fields) -> Iterator[Signal]:
        end = whole(event, "audio_end_ms")
        if end is not None:
            yield Truncated(text(event, "item_id"), end)

    def done(self, event: Fields) -> Iterator[Signal]:
        for owner in (response_id(event), None):
            for kind in ("text", "transcript"):
                self._spelling.pop((owner, kind), None)
        yield finished(event)

    def is_repeat(self, owner: str | None, part: _Part) -> bool:
        """Whether this answer's text already comes under the other spelling (xAI sends written text under both)."""
        first = self._spelling.get((owner, part.kind))
        if first is None:
            self._spelling[owner, part.kind] = part.spelling
        return first not in (None, part.spelling)


class _Part(NamedTuple):
    """How one text event is to be read: which field holds the text and what it is."""

    kind: Literal["text", "transcript"]
    spelling: str
    field: str


def _audio_out(dialect: OpenAI, frame: Frame) -> Sequence[Signal]:
    head = frame.head
    sound = head.delta
    return (AudioOut(raw_audio(sound), head.response_id, head.item_id, None, sound),)


def _text_delta(part: _Part) -> Reader:
    def read(dialect: OpenAI, frame: Frame) -> Sequence[Signal]:
        head = frame.head
        words = raw_text(head.delta)
        if not words or dialect.is_repeat(head.response_id, part):
            return ()
        return (TextOut(words, part.kind, head.response_id, head.item_id),)

    return read


def _whole_text(part: _Part, *, final: bool) -> Reader:
    """The whole text of a part at its end, or so far: Bailian's snapshots are a settled `text` and a draft `stash`."""

    def read(dialect: OpenAI, event: Fields) -> Iterator[Signal]:
        words = text(event, part.field)
        owner = text(event, "response_id")
        if words is not None and not dialect.is_repeat(owner, part):
            draft = "" if final else text(event, "stash") or ""
            yield TextOut(words + draft, part.kind, owner, text(event, "item_id"), final=final, replace=True)

    return of_event(read)


def _transcript_so_far(dialect: OpenAI, event: Fields) -> Iterator[Signal]:
    """xAI's `.updated` (`transcript`) and Bailian's `.text` (`text` and `stash`): both whole, xAI's sometimes empty."""
    words = (text(event, "transcript", "text") or "") + (text(event, "stash") or "")
    if words:
        yield InputTranscript(text(event, "item_id"), words, replace=True)


def _transcript_done(dialect: OpenAI, event: Fields) -> Iterator[Signal]:
    item_id = text(event, "item_id")
    yield InputTranscript(item_id, text(event, "transcript") or "", final=True, replace=True, usage=read_usage(event), usage_id=item_id)


def _transcript_failed(dialect: OpenAI, event: Fields) -> Iterator[Signal]:
    yield InputTranscript(text(event, "item_id"), "", final=True, failed=True, error=error_of(event.get("error")))


def _of_item(signal: Callable[[str | None], Signal]) -> Reader:
    return lambda dialect, frame: (signal(frame.head.item_id),)


def _playback(*, started: bool = False, cleared: bool = False) -> Reader:
    return lambda dialect, frame: (Playback(frame.head.response_id, started, cleared),)


def _started(dialect: OpenAI, event: Fields) -> Iterator[Signal]:
    outside = obj(event, "response").get("conversation_id", "") is None
    yield ResponseStarted(response_id(event), outside)


_asked: Final = of_event(lambda dialect, event: dialect.session(event, confirmed=False))
_confirmed: Final = of_event(lambda dialect, event: dialect.session(event, confirmed=True))
_item_echo: Final = of_event(lambda dialect, event: dialect.items(event, from_client=False))

_FROM_CLIENT: Final[dict[str, Reader]] = {
    "input_audio_buffer.append": audio_in,
    "input_audio.turn.append": audio_in,
    "input_audio_buffer.commit": lambda dialect, frame: (InputCommitted(),),
    "input_audio_buffer.clear": lambda dialect, frame: (InputCleared(),),
    "session.update": _asked,
    "transcription_session.update": _asked,
    "conversation.item.create": of_event(lambda dialect, event: dialect.items(event, from_client=True)),
    "conversation.item.truncate": of_event(OpenAI.truncated),
    "response.create": of_event(OpenAI.requested),
}
"""`input_audio.turn.append` is Voice Live's own audio event."""

_TEXTS: Final = {
    "response.output_text": _Part("text", "ga", "text"),
    "response.text": _Part("text", "beta", "text"),
    "response.output_audio_transcript": _Part("transcript", "ga", "transcript"),
    "response.audio_transcript": _Part("transcript", "beta", "transcript"),
}
_HEARD: Final = "conversation.item.input_audio_transcription"

_FROM_SERVER: Final[dict[str, Reader]] = {
    "response.output_audio.delta": _audio_out,
    "response.audio.delta": _audio_out,
    **{f"{name}.delta": _text_delta(part) for name, part in _TEXTS.items()},
    **{f"{name}.done": _whole_text(part, final=True) for name, part in _TEXTS.items()},
    **{f"{name}.text": _whole_text(part._replace(field="text"), final=False) for name, part in _TEXTS.items()},
    "session.created": _confirmed,
    "session.updated": _confirmed,
    "transcription_session.created": _confirmed,
    "transcription_session.updated": _confirmed,
    "session.finished": ended,
    "session.closed": ended,
    "conversation.item.created": _item_echo,
    "conversation.item.added": _item_echo,
    "conversation.item.done": _item_echo,
    "conversation.item.truncated": of_event(OpenAI.truncated),
    f"{_HEARD}.delta": heard,
    f"{_HEARD}.updated": of_event(_transcript_so_far),
    f"{_HEARD}.text": of_event(_transcript_so_far),
    f"{_HEARD}.completed": of_event(_transcript_done),
    f"{_HEARD}.failed": of_event(_transcript_failed),
    "input_audio_buffer.speech_started": _of_item(SpeechStarted),
    "input_audio_buffer.speech_stopped": _of_item(SpeechStopped),
    "input_audio_buffer.committed": _of_item(InputCommitted),
    "output_audio_buffer.started": _playback(started=True),
    "output_audio_buffer.stopped": _playback(),
    "output_audio_buffer.cleared": _playback(cleared=True),
    "response.created": of_event(_started),
    "response.output_item.done": of_event(OpenAI.call),
    "response.function_call_arguments.done": of_event(OpenAI.call),
    "response.done": of_event(OpenAI.done),
    "error": failed,
}

OpenAI.from_client = _FROM_CLIENT
OpenAI.from_server = _FROM_SERVER
