"""Readers that several dialects share, because their events differ in name alone."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence

from realtime.dialects.error_event import error_event
from realtime.dialects.fields import Fields
from realtime.dialects.fields import raw_audio
from realtime.dialects.fields import raw_text
from realtime.dialects.fields import text
from realtime.dialects.table import of_event
from realtime.frame import Frame
from realtime.signals import AudioIn
from realtime.signals import InputTranscript
from realtime.signals import SessionEnded
from realtime.signals import Signal
from realtime.signals import TextOut


def audio_in(dialect: object, frame: Frame) -> Sequence[Signal]:
    """Base64 in `audio`."""
    sent = frame.head.audio
    return (AudioIn(raw_audio(sent), None, sent),)


def heard(dialect: object, frame: Frame) -> Sequence[Signal]:
    """A piece of the user's transcript in `delta`."""
    words = raw_text(frame.head.delta)
    return (InputTranscript(frame.head.item_id, words),) if words else ()


def said(dialect: object, frame: Frame) -> Sequence[Signal]:
    """A piece of the spoken answer's transcript in `delta`, where there are no answers to tell apart."""
    words = raw_text(frame.head.delta)
    return (TextOut(words, "transcript"),) if words else ()


def _failed(dialect: object, event: Fields) -> Iterator[Signal]:
    yield error_event(event)


def _ended(dialect: object, event: Fields) -> Iterator[Signal]:
    yield SessionEnded(text(event, "reason"))


failed = of_event(_failed)
"""An `error` event."""
ended = of_event(_ended)
"""The provider's last word, with a `reason` or without."""
