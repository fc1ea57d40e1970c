"""The common shape of a dialect whose events have a `type`: one table per direction, type to reader."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import ClassVar

from realtime.audio import AudioFormat
from realtime.dialects.fields import Fields
from realtime.frame import Frame
from realtime.signals import Signal

Reader = Callable[[Any, Frame], Sequence[Signal]]
"""Takes the dialect instance and the frame."""


def of_event(read: Callable[[Any, Fields], Iterator[Signal]]) -> Reader:
    """A reader of the whole event; an event whose JSON cannot be read says nothing."""
    return lambda dialect, frame: () if frame.event is None else tuple(read(dialect, frame.event))


class TableDialect:
    """A `Dialect` made of two tables. Subclasses name themselves, their formats and their readers."""

    name: str
    formats: tuple[AudioFormat, AudioFormat]
    from_client: ClassVar[Mapping[str, Reader]]
    from_server: ClassVar[Mapping[str, Reader]]

    __slots__ = ()

    def signals(self, frame: Frame) -> Sequence[Signal]:
        """See `Dialect`."""
        read = (self.from_client if frame.from_client else self.from_server).get(frame.head.type)
        return () if read is None else read(self, frame)

    def end(self) -> Sequence[Signal]:
        """Nothing is held back unless a dialect says so."""
        return ()
