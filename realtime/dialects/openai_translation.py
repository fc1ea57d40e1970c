"""OpenAI translation (`/v1/realtime/translations`): a stream in, a stream out, no turns and no usage object."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from realtime.audio import PCM16_24K
from realtime.audio import AudioFormat
from realtime.audio import parse_format
from realtime.dialects.fields import Fields
from realtime.dialects.fields import audio_size
from realtime.dialects.fields import text
from realtime.dialects.openai_session import session_config
from realtime.dialects.readers import audio_in
from realtime.dialects.readers import ended
from realtime.dialects.readers import failed
from realtime.dialects.readers import heard
from realtime.dialects.readers import said
from realtime.dialects.table import TableDialect
from realtime.dialects.table import of_event
from realtime.signals import AudioOut
from realtime.signals import Signal


class OpenAITranslation(TableDialect):
    """Nothing needs to be remembered."""

    name = "openai-translation"
    formats = (PCM16_24K, PCM16_24K)

    __slots__ = ()


def _session(event: Fields, confirmed: bool) -> Iterator[Signal]:
    yield replace(session_config(event, confirmed, None), kind="translation")


def _audio_out(dialect: OpenAITranslation, event: Fields) -> Iterator[Signal]:
    sound = text(event, "delta") or ""
    yield AudioOut(audio_size(sound), format=_stated(event), data=sound)


def _stated(event: Fields) -> AudioFormat | None:
    """The format that each delta names itself: `format`, `sample_rate`, `channels`, all optional."""
    return parse_format(
        {"type": event.get("format", "pcm16"), **{name: event[name] for name in ("sample_rate", "channels") if name in event}}
    )


_confirmed = of_event(lambda dialect, event: _session(event, confirmed=True))

OpenAITranslation.from_client = {
    "session.input_audio_buffer.append": audio_in,
    "session.update": of_event(lambda dialect, event: _session(event, confirmed=False)),
}
OpenAITranslation.from_server = {
    "session.output_audio.delta": of_event(_audio_out),
    "session.input_transcript.delta": heard,
    "session.output_transcript.delta": said,
    "session.created": _confirmed,
    "session.updated": _confirmed,
    "session.closed": ended,
    "error": failed,
}
