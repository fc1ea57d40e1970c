"""The model's calls and the app's answers to them: each call once, each result with the call it answers, in any order."""

from __future__ import annotations

from typing import Final

from realtime.recent import Recent
from realtime.signals import ToolCall
from realtime.signals import ToolResult
from realtime.turn import MAX_TOOL_CALLS
from realtime.turn import ToolUse
from realtime.turn import Turn
from realtime.turntext import name

MAX_WAITING: Final = 256
MAX_ANSWERED: Final = 1024


class ToolCalls:
    """Calls that wait for their results, over all turns of a session.

    `dropped` counts calls beyond what a turn keeps, `unlinked` results that answer no call that is known.
    """

    __slots__ = ("_answered", "_waiting", "dropped", "unlinked")

    def __init__(self) -> None:
        self.dropped = 0
        self.unlinked = 0
        self._waiting: Recent[str, tuple[Turn, ToolUse]] = Recent(MAX_WAITING)
        self._answered: Recent[str, None] = Recent(MAX_ANSWERED)

    def called(self, turn: Turn, signal: ToolCall, at: float) -> None:
        """Keep a call, however often the provider shows it; one without a name is none."""
        call_id = name(signal.call_id)
        if not signal.name:
            return
        call = turn.calls.get(call_id) or self._new(turn, call_id, signal, at)
        if call is not None and len(signal.arguments) > call.arguments_chars:
            turn.room.give(call.arguments)
            call.arguments = turn.room.take(signal.arguments)
            call.arguments_chars = len(signal.arguments)

    def _new(self, turn: Turn, call_id: str, signal: ToolCall, at: float) -> ToolUse | None:
        if len(turn.calls) >= MAX_TOOL_CALLS:
            self.dropped += 1
            return None
        turn.clocks.first_output = turn.clocks.first_output or at
        call = turn.calls[call_id] = ToolUse(call_id, name(signal.name), "", 0, at)
        self._waiting[call_id] = (turn, call)
        return call

    def answered(self, signal: ToolResult, at: float) -> Turn | None:
        """Link a result to its call; returns the turn of the call, None when the result is not news."""
        call_id = name(signal.call_id)
        if call_id not in self._waiting:
            self.unlinked += call_id not in self._answered
            return None
        turn, call = self._waiting.pop(call_id)
        self._answered[call_id] = None
        call.result = turn.room.take(signal.output)
        call.result_chars = len(signal.output)
        call.answered_at = at
        return turn
