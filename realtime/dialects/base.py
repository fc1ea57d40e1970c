"""What a dialect is: the one place that knows how a provider spells its events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from realtime.audio import AudioFormat
from realtime.frame import Frame
from realtime.signals import Signal


class Dialect(Protocol):
    """Turns the frames of one session, in the order they crossed the proxy, into signals.

    One instance serves one session: it may remember a bounded amount (open answer, items seen). Nothing a frame
    contains makes it raise: a field of the wrong type counts as absent, an unknown event yields no signal.
    """

    name: str
    formats: tuple[AudioFormat, AudioFormat]
    """Audio in and out until the session declares something else."""

    def signals(self, frame: Frame) -> Sequence[Signal]:
        """What this frame says, in the order in which it is to be taken."""
        ...

    def end(self) -> Sequence[Signal]:
        """What was still held when the session ended, so that no usage is lost; call once, after the last frame."""
        ...
