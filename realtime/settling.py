"""Whose words are settled: which sides of which turns were heard out, transcribed, and crossed as they were said.

Sound of what is not settled is not kept where policies have a say in it, so whatever is missed here, or pushed out by a bound,
leads to silence.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from typing import NamedTuple

from realtime.policies.speech import SPOKEN
from realtime.policies.speech import Side
from realtime.policies.trace import Trace
from realtime.recent import Recent
from realtime.turn import Turn

_REMEMBERED: Final = 256
_UNSETTLED: Final = 128
_FINISHED: Final = frozenset({"completed", "cancelled", "incomplete"})
"""Statuses of answers that the provider itself ended, so that all their words have come."""


class Part(NamedTuple):
    """One side of a turn; turn 0 is none."""

    turn: int
    side: Side


class Stopped(NamedTuple):
    """A part in which a policy kept words from crossing as they were said."""

    part: Part
    policy: str


class Settling:
    """Told of turns as they begin, of words, and of what policies did to them."""

    def __init__(self) -> None:
        self._waiting: Recent[Part, Turn] = Recent(_UNSETTLED)
        self._items: Recent[str, Part] = Recent(_REMEMBERED)
        """Items by id, and whose words they are."""
        self._answers: Recent[str, int] = Recent(_REMEMBERED)
        self._newest = 0
        self._early: Recent[str | None, dict[str, None]] = Recent(_REMEMBERED)
        """Policies that stopped words of the user which no turn has taken yet, by item; None for all without an id."""
        self._heard: set[Side] = set()
        self.silenced: set[Side] = set()
        """Sides in which words did not cross as they were said."""

    def began(self, turn: Turn) -> list[Stopped]:
        """A turn began, which settles what was said before it; what of the user's words in it had been stopped."""
        self._newest = turn.index
        self._waiting[Part(turn.index, "user")] = self._waiting[Part(turn.index, "model")] = turn
        if turn.id is not None:
            self._answers[turn.id] = turn.index
        user = Part(turn.index, "user")
        for item in turn.inputs:
            if item.id is not None:
                self._items[item.id] = user
        names = (*(item.id for item in turn.inputs if item.id is not None), None)
        early = [Stopped(user, policy) for name in names for policy in self._early.pop(name, {})]
        if early:
            del self._waiting[user]
        return early

    def said(self, side: Side, item_id: str | None = None, turn: int = 0) -> None:
        """Words of a side came, in an item of a turn."""
        self._heard.add(side)
        if item_id is not None and item_id not in self._items:
            self._items[item_id] = Part(turn, side)

    def stopped(self, trace: Trace) -> list[Stopped]:
        """Words did not cross as they were said: the parts in which that may be heard. Those of a turn that is to begin follow then."""
        parts = list(dict.fromkeys(self._parts(trace)))
        if any(part.side == "user" for part in parts) and (trace.item_id is None or trace.item_id not in self._items):
            self._early[trace.item_id] = {**self._early.get(trace.item_id, {}), trace.policy: None}
        self.silenced.update(part.side for part in parts)
        for part in parts:
            self._waiting.pop(part, None)
        return [Stopped(part, trace.policy) for part in parts if part.turn or part.side == "model"]

    def settled(self) -> list[Part]:
        """What is settled since the last call."""
        found = [part for part, turn in self._waiting.items() if self._is_settled(part, turn, last=False)]
        for part in found:
            del self._waiting[part]
        return found

    def closed(self, *, has_turns: bool) -> list[Part]:
        """The session is over: what is settled by that. In one without turns it is all or nothing of a side."""
        if has_turns:
            return [part for part, turn in self._waiting.items() if self._is_settled(part, turn, last=True)]
        return [Part(0, side) for side in sorted(self._heard - self.silenced)]

    def turnless(self) -> Iterator[Stopped]:
        """What was stopped of words that no turn has taken."""
        for name, policies in self._early.items():
            if name is not None or not self._newest:
                yield from (Stopped(Part(0, "user"), policy) for policy in policies)

    def _parts(self, trace: Trace) -> Iterator[Part]:
        """Where the words of a server's message may be heard; in both sides where they cannot be told apart."""
        side = SPOKEN.get(trace.kind) if trace.kind is not None else None
        if trace.from_client or (trace.kind is not None and side is None):
            return
        known = self._items.get(trace.item_id) if trace.item_id is not None else None
        answer = self._answers.get(trace.response_id) if trace.response_id is not None else None
        if side == "user":
            yield known or Part(self._newest if trace.item_id is None else 0, "user")
        elif side == "model" or trace.response_id is not None:
            yield Part(answer or (known.turn if known is not None else self._newest), "model")
        elif known is not None:
            yield known
        elif not trace.judged:
            yield from (Part(self._newest, "user"), Part(self._newest, "model"))

    def _is_settled(self, part: Part, turn: Turn, *, last: bool) -> bool:
        """What has no id may be said of a turn that is over, until the next one is."""
        if not turn.ended:
            return False
        passed = last or turn.index < self._newest
        if part.side == "model":
            return turn.status in _FINISHED and turn.answer.chars > 0 and (passed or turn.id is not None)
        spoken = [item for item in turn.inputs if item.spoken]
        whole = (item.complete if item.id is not None else passed and item.transcript and not item.awaited for item in spoken)
        return bool(spoken) and all(whole)
