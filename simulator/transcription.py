"""A transcription session (`?intent=transcription`): it hears and writes, and never answers."""

from __future__ import annotations

from typing import ClassVar
from typing import Literal

from simulator.listening import Listening
from simulator.shapes import LISTENING


class TranscriptionSession(Listening):
    """`session.type` is `transcription`; the model is in `audio.input.transcription.model`."""

    kind: ClassVar[Literal["transcription"]] = "transcription"
    shapes = LISTENING
