"""The turns of a session by what they are known by: numbered as they begin, ended once, handed out when they changed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from realtime.errors import disconnect_error
from realtime.inputs import Input
from realtime.recent import Recent
from realtime.requests import Request
from realtime.settings import Settings
from realtime.turn import Key
from realtime.turn import Status
from realtime.turn import Trigger
from realtime.turn import Turn
from realtime.turntext import Answer
from realtime.turntext import Room
from realtime.turntext import name
from realtime.userside import UserSide

MAX_OPEN: Final = 64
MAX_ENDED: Final = 1024


class TurnBook:
    """Open turns by key, ids of ended ones, and which turns changed. `pushed_out` counts turns that the bound ended."""

    __slots__ = ("_changed", "_limit", "_offset", "_session", "count", "ended", "last", "newest", "open", "pushed_out")

    def __init__(self, session: str, offset: float, limit: int) -> None:
        self.open: dict[Key, Turn] = {}
        """By response id, None for a provider without ids; in transcription sessions by item."""
        self.ended: Recent[str, None] = Recent(MAX_ENDED)
        self.last: Turn | None = None
        """The turn that ended last."""
        self.newest: Turn | None = None
        """The turn that began last."""
        self.pushed_out = 0
        self.count = 0
        self._session = session
        self._offset = offset
        self._limit = limit
        self._changed: dict[int, Turn] = {}

    def begin(
        self,
        key: Key,
        at: float,
        trigger: Trigger,
        inputs: list[Input],
        *,
        settings: Settings,
        user: UserSide,
        request: Request | None = None,
        out_of_band: bool = False,
    ) -> Turn:
        """Open a turn under the settings in force. Unless it is out of band, all that the user sent before becomes its."""
        self.count += 1
        room = Room(self._limit)
        opened_at = request.at if request else at
        turn = Turn(self._session, self.count, key, trigger, opened_at, self._offset, self._limit, room, Answer(room))
        turn.model = (request and request.model) or (settings.hearing_model if trigger == "transcription" else settings.model)
        turn.voice, turn.tools, turn.spoke.format = settings.voice, settings.tools, settings.output_format
        turn.out_of_band = out_of_band
        turn.inputs = inputs
        turn.clocks.requested = request.at if request else None
        for item in inputs:
            self.touch(user.inputs.belong(item, turn))
        if not out_of_band:
            user.hand_over(turn)
        self.open[key] = turn
        self.newest = turn
        if len(self.open) > MAX_OPEN:
            self.pushed_out += 1
            self.interrupt(next(iter(self.open.values())), "too_many_open", at, user)
        return turn

    def end(self, turn: Turn, status: Status, reason: str | None, at: float, user: UserSide) -> None:
        """Give an open turn its status. Only its input, tool results, truncation and sound of a call can be amended afterwards."""
        turn.status = status
        turn.reason = None if reason is None else name(reason)
        turn.clocks.finished = at
        del self.open[turn.key]
        if isinstance(turn.key, str):
            self.ended[turn.key] = None
        for item in turn.inputs:
            user.inputs.settle(item)
        self.last = turn
        self.touch([turn])

    def interrupt(self, turn: Turn, reason: str, at: float, user: UserSide) -> None:
        """End an open turn that nothing else will end."""
        turn.error = disconnect_error(reason)
        self.end(turn, "interrupted", reason, at, user)

    @property
    def answering(self) -> bool:
        """Whether an answer is under way."""
        return any(not turn.paused for turn in self.open.values())

    def conversing(self) -> Turn | None:
        """The open answer of the conversation, the newest if there are several."""
        return next((turn for turn in reversed(self.open.values()) if turn.conversing), None)

    def touch(self, turns: Iterable[Turn]) -> None:
        """These turns have something new to record; open ones will be recorded when they end."""
        self._changed.update((turn.index, turn) for turn in turns if turn.ended)

    def changed(self) -> list[Turn]:
        """Take the turns with something new to record, in the order in which they began."""
        turns = [self._changed[index] for index in sorted(self._changed)]
        self._changed.clear()
        return turns
