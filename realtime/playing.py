"""When the answers of a WebRTC call are heard: often after they are done, and while later ones are already being made."""

from __future__ import annotations

from typing import Final

from realtime.recent import Recent
from realtime.signals import Playback
from realtime.turn import Turn

MAX_ANSWERS: Final = 16
"""Newest answers whose sound may still start or end."""


class Playing:
    """The newest answers by response id, and which of them are being played."""

    __slots__ = ("_answers",)

    def __init__(self) -> None:
        self._answers: Recent[str, Turn] = Recent(MAX_ANSWERS)

    def add(self, turn: Turn) -> None:
        """An answer was begun."""
        if isinstance(turn.key, str):
            self._answers[turn.key] = turn

    @property
    def now(self) -> list[Turn]:
        """What is being played."""
        return [turn for turn in self._answers.values() if turn.playing]

    def take(self, signal: Playback, at: float) -> Turn | None:
        """The turn whose sound starts or ends; None for an answer that is not known."""
        turn = self._answers.get(signal.response_id) if signal.response_id is not None else None
        if turn is None:
            return None
        clocks = turn.clocks
        clocks.last_audio = at
        if signal.started:
            turn.playing = True
            clocks.first_audio = clocks.first_audio or at
            clocks.first_output = clocks.first_output or at
        else:
            _stop(turn, at)
        if signal.cleared:
            turn.interrupt(at)
        return turn

    def close(self, at: float) -> list[Turn]:
        """The call is over; what was being played was heard up to now."""
        stopped = self.now
        for turn in stopped:
            turn.clocks.last_audio = at
            _stop(turn, at)
        return stopped


def _stop(turn: Turn, at: float) -> None:
    turn.playing = False
    if turn.clocks.first_audio is not None:
        turn.spoke.before = at - turn.clocks.first_audio
