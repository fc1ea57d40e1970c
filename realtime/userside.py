"""The user's side between two answers: items, audio and the moments that tell when the user had finished."""

from __future__ import annotations

from realtime.clocks import Since
from realtime.inputs import Input
from realtime.inputs import Inputs
from realtime.turn import Sound
from realtime.turn import Turn


class UserSide:
    """What came from the user since the last answer began. Times are monotonic seconds.

    `appended` and `heard` are written on every audio message.
    """

    __slots__ = ("_asked", "_speaking_since", "_spoken", "appended", "began", "committed", "heard", "inputs", "results", "stopped", "wrote")

    def __init__(self, limit: int) -> None:
        self.inputs = Inputs(limit)
        self.heard = Sound()
        self.results = 0
        """Tool results since the last answer."""
        self._forget()

    def _forget(self) -> None:
        self.began: float | None = None
        """When the user was first heard to speak."""
        self.stopped: float | None = None
        self.committed: float | None = None
        self.appended: float | None = None
        self.wrote: float | None = None
        """When the last text or tool result was sent."""
        self._asked = False
        self._speaking_since: float | None = None
        self._spoken = 0.0

    @property
    def speaking(self) -> bool:
        """Whether the provider hears speech."""
        return self._speaking_since is not None

    def speech_started(self, item_id: str | None, at: float) -> None:
        """The user speaks: what told of the end of earlier speech no longer counts."""
        self.stopped = self.committed = None
        self._speaking_since = at
        self.began = at if self.began is None else self.began
        item = self.inputs.speak(item_id, anew=True)
        if item is not None:
            item.speaking = item.turn is None

    def speech_stopped(self, item_id: str | None, at: float) -> None:
        """The provider heard the end of the speech."""
        self.stopped = at
        if self._speaking_since is not None:
            self._spoken += at - self._speaking_since
            self._speaking_since = None
        item = self.inputs.find(item_id)
        if item is not None:
            item.speaking = False

    def commit(self, item_id: str | None, at: float, *, from_client: bool) -> Input | None:
        """The audio so far is complete; returns its item. Of a client's commit and the provider's answer the first counts."""
        if from_client or not self._asked:
            self.committed = at
        self._asked = from_client
        item = self.inputs.find(None) if from_client and item_id is None else self.inputs.speak(item_id)
        if item is not None:
            item.speaking = False
        return None if from_client else item

    def hand_over(self, turn: Turn) -> None:
        """All this now belongs to the turn that begins."""
        spoken = any(item.spoken for item in turn.inputs) if turn.inputs else turn.trigger == "vad"
        turn.clocks.ended_speaking, turn.clocks.since = self._ended(turn.clocks.requested, spoken=spoken)
        turn.clocks.began_speaking = self.began
        turn.heard, self.heard = self.heard, Sound(self.heard.format)
        if not turn.heard.size:
            turn.heard.before = turn.heard.before or self._spoken  # on a call the sound itself comes another way
        self.results = 0
        self._forget()

    def _ended(self, requested: float | None, *, spoken: bool) -> tuple[float | None, Since | None]:
        speech: tuple[tuple[float | None, Since], ...] = (
            (self.stopped, "speech_stopped"),
            (self.committed, "commit"),
            (self.appended, "append"),
        )
        other: tuple[tuple[float | None, Since], ...] = ((requested, "request"), (self.wrote, "item"))
        return next(((at, since) for at, since in (*(speech if spoken else ()), *other) if at is not None), (None, None))
