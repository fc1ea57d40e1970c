"""The messages of a recording as a socket would have them: of a call, whose sound went another way, with that sound among them."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from typing import Final

from cli.recording import Message
from cli.recording import Recording
from cli.replayspelling import Spelling
from cli.replayspelling import encoded
from realtime.audio import AudioFormat
from realtime.dialects import make
from realtime.frame import Frame
from realtime.signals import SessionConfig
from store.frames import Direction
from store.frames import Event

_SOUNDING: Final[tuple[Direction, ...]] = ("client",)
_PIECE: Final = 0.1
"""Seconds of sound in a message."""
_OF_CALLS: Final = frozenset({"output_audio_buffer.clear"})
"""What clients say on calls alone."""


def messages_of(recording: Recording, spelling: Spelling) -> Iterator[Message]:
    """Every message in order; the model's sound stays out. Those made of a call's sound have numbers below 0. Raises OSError."""
    messages = recording.messages(_SOUNDING)
    return _with_sound(recording, messages, spelling) if is_call(recording) else messages


def is_call(recording: Recording) -> bool:
    """Whether the sound of this session was not in its messages."""
    return recording.record.get("transport") == "webrtc"


def _with_sound(recording: Recording, messages: Iterator[Message], spelling: Spelling) -> Iterator[Message]:
    dialect, pieces = make(recording.dialect), 0
    form = dialect.formats[0]
    for message in messages:
        while (pieces + 1) * _PIECE <= message.event.at / 1e6:
            yield _piece(recording, pieces, form, spelling)
            pieces += 1
        if message.from_client and message.event.type in _OF_CALLS:
            continue
        yield message
        form = _declared(dialect.signals(Frame(True, message.payload)), form) if message.from_client and message.payload else form
    while (pieces + 1) * _PIECE <= recording.sound.seconds:
        yield _piece(recording, pieces, form, spelling)
        pieces += 1


def _declared(signals: object, form: AudioFormat) -> AudioFormat:
    found = [signal.input_format for signal in signals if isinstance(signal, SessionConfig)] if isinstance(signals, tuple) else []
    return next((one for one in found if one is not None and one.rate), form)


def _piece(recording: Recording, number: int, form: AudioFormat, spelling: Spelling) -> Message:
    """A piece of what the user said, when its last sample had come."""
    length = round(form.rate * _PIECE)
    sound = recording.sound.user(form, number * length, length)
    silent = sound or spelling.quiet(form) * length
    payload = encoded(spelling.sound(b64encode(silent).decode(), form))
    at = round((number + 1) * _PIECE * 1e6)
    return Message(Event(-1 - number, at, "client", size=len(payload)), payload, "recorded" if sound else "silent")
