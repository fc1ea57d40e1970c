"""OpenAI Live (`/v1/live/sessions`): full duplex without turns, billed by cumulative seconds, delegated work beside it."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import replace

from realtime.audio import PCM16_24K
from realtime.audio import parse_format
from realtime.dialects.fields import Fields
from realtime.dialects.fields import obj
from realtime.dialects.fields import raw_audio
from realtime.dialects.fields import text
from realtime.dialects.openai_items import item_signals
from realtime.dialects.openai_items import tool_call
from realtime.dialects.openai_session import session_config
from realtime.dialects.readers import audio_in
from realtime.dialects.readers import failed
from realtime.dialects.readers import heard
from realtime.dialects.readers import said
from realtime.dialects.table import TableDialect
from realtime.dialects.table import of_event
from realtime.frame import Frame
from realtime.signals import AudioIn
from realtime.signals import AudioOut
from realtime.signals import SessionEnded
from realtime.signals import Signal
from realtime.signals import UsageReport
from realtime.usage import read_usage


class OpenAILive(TableDialect):
    """Remembers whether audio is reflected (sideband): then it is PCM16 at 24 kHz whatever was declared."""

    name = "openai-live"
    formats = (PCM16_24K, PCM16_24K)

    __slots__ = ("_reflected",)

    def __init__(self) -> None:
        self._reflected = False

    def reflected(self, frame: Frame) -> Sequence[Signal]:
        self._reflected = True
        sound = frame.head.audio
        return (AudioIn(raw_audio(sound), PCM16_24K, sound),)

    def audio_out(self, frame: Frame) -> Sequence[Signal]:
        sound = frame.head.delta
        return (AudioOut(raw_audio(sound), format=PCM16_24K if self._reflected else None, data=sound),)


def _session(event: Fields, confirmed: bool) -> Iterator[Signal]:
    config = session_config(event, confirmed, None)
    both = parse_format(obj(obj(event, "session"), "audio").get("format"))
    yield replace(config, kind="live", input_format=both, output_format=both)


def _item(dialect: OpenAILive, event: Fields) -> Iterator[Signal]:
    yield from item_signals([obj(event, "item")], True, None)


def _delegated(dialect: OpenAILive, event: Fields) -> Iterator[Signal]:
    """A nested Responses event: a complete call, or the usage of the response it ends."""
    nested = obj(event, "event")
    response = obj(nested, "response")
    call = tool_call(obj(nested, "item"), None) if text(nested, "type") == "response.output_item.done" else None
    if call is not None:
        yield call
    if (usage := read_usage(nested)) is not None:
        yield UsageReport(usage, id=text(response, "id"), model=text(response, "model"))


def _decided(dialect: OpenAILive, event: Fields) -> Iterator[Signal]:
    decision = obj(obj(event, "event"), "decision")
    if (usage := read_usage(decision)) is not None:
        yield UsageReport(usage, id=text(decision, "id"), model=text(decision, "model"))


def _used(dialect: OpenAILive, event: Fields) -> Iterator[Signal]:
    if (usage := read_usage(event)) is not None:
        yield UsageReport(usage, cumulative=True)


def _closed(dialect: OpenAILive, event: Fields) -> Iterator[Signal]:
    yield from _used(dialect, event)
    yield SessionEnded(text(event, "reason"))


_asked = of_event(lambda dialect, event: _session(event, confirmed=False))
_confirmed = of_event(lambda dialect, event: _session(event, confirmed=True))

OpenAILive.from_client = {
    "session.input_audio.append": audio_in,
    "session.start": _asked,
    "session.update": _asked,
    "response.item.create": of_event(_item),
}
OpenAILive.from_server = {
    "session.input_audio.append": OpenAILive.reflected,
    "session.output_audio.delta": OpenAILive.audio_out,
    "session.input_transcript.delta": heard,
    "session.output_transcript.delta": said,
    "session.started": _confirmed,
    "session.updated": _confirmed,
    "session.usage.updated": of_event(_used),
    "session.closed": of_event(_closed),
    "response.event": of_event(_delegated),
    "decision.event": of_event(_decided),
    "error": failed,
}
