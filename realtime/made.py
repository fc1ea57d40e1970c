"""Messages that their side did not say, or not so: what an operator made or changed, and what goes ahead of another message."""

from __future__ import annotations

from realtime.frame import Frame


class Operated(Frame):
    """A message that an operator made, or put in the place of another one (`was`). It is judged like any other, but never paused."""

    __slots__ = ("was",)

    def __init__(self, from_client: bool, payload: bytes, *, text: bool = True, at: float = 0.0, was: Frame | None = None) -> None:
        super().__init__(from_client, payload, text=text, at=at, injected=was is None or was.injected)
        self.was = was


class Ahead(Frame):
    """A message that goes ahead of the one that is judged, whatever becomes of that; see `Verdict.before`."""

    __slots__ = ()


def ahead(frame: Frame, payload: bytes) -> Ahead:
    """What goes ahead of this message, as a message of the same side."""
    return Ahead(frame.from_client, payload, text=frame.text, at=frame.at, injected=True)


def like(frame: Frame, payload: bytes) -> Frame:
    """The message as a hook left it."""
    if isinstance(frame, Operated):
        return Operated(frame.from_client, payload, text=frame.text, at=frame.at, was=frame.was)
    return Frame(frame.from_client, payload, text=frame.text, at=frame.at, injected=frame.injected)
