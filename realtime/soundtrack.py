"""Where the sound of a session stands on its time line: what the user said when it was said, what the model said when it was heard.

Times and lengths are samples of the track since the session began, so what is contiguous is so to the sample.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections import deque
from collections.abc import Iterable
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

WINDOW_SECONDS = 2.0
"""Sound that arrives late is only late where what follows does not catch up within this time."""
PAUSE_SECONDS = 0.2
"""A shorter hole in what arrives is no pause."""
PATIENCE_SECONDS = 0.12
"""What a player's buffer forgives a provider that sends no faster than it speaks."""


class Arrival(NamedTuple):
    """A piece of the user's sound, and when its last byte had come."""

    at: int
    length: int


def spoken(arrivals: Sequence[Arrival], rate: int, ends: Sequence[int] = ()) -> list[int]:
    """Where each piece of the user's sound begins. `ends`, in order, are the moments at which the user's side of a turn was complete.

    A piece was spoken before it arrived, and after the piece before it. Within these bounds each stands as late as it can, so
    that a stream is contiguous although it arrives in gusts, what came in one go ends when it had come, and pauses stay. What
    comes after the end of a turn is no reason to hear that turn earlier.
    """
    window, pause = round(WINDOW_SECONDS * rate), round(PAUSE_SECONDS * rate)
    latest = _latest(arrivals)
    starts: list[int] = []
    ahead: deque[int] = deque()
    """Of the pieces within the window, those before which no later one asks for less delay."""
    reached = delay = sent = 0
    for number, arrival in enumerate(arrivals):
        until = min([arrival.at + window, *ends[bisect_left(ends, arrival.at) :][:1]])
        while reached < len(arrivals) and arrivals[reached].at <= until:
            while ahead and latest[ahead[-1]] >= latest[reached]:
                ahead.pop()
            ahead.append(reached)
            reached += 1
        while ahead[0] < number:
            ahead.popleft()
        if latest[ahead[0]] > delay + (pause if number else 0):
            delay = latest[ahead[0]]
        starts.append(sent + delay)
        sent += arrival.length
    return starts


def _latest(arrivals: Iterable[Arrival]) -> list[int]:
    """How long before each piece there can have been silence in all."""
    sent = 0
    latest: list[int] = []
    for arrival in arrivals:
        sent += arrival.length
        latest.append(arrival.at - sent)
    return latest


class Delta(NamedTuple):
    """A piece of an answer's sound. `turn` 0 is none; `item` tells apart what a client can cut."""

    at: int
    length: int
    turn: int
    item: int


class Truncate(NamedTuple):
    """The client played so much of an item and no more."""

    at: int
    item: int
    keep: int


class Cancel(NamedTuple):
    """The answer of a turn was broken off; a client stops playing it."""

    at: int
    turn: int


@dataclass(slots=True)
class Piece:
    """A delta on the time line: `length` of its `whole` was played."""

    turn: int
    item: int
    start: int
    length: int
    whole: int

    @property
    def end(self) -> int:
        return self.start + self.length


def played(events: Iterable[Delta | Truncate | Cancel], rate: int) -> list[Piece]:
    """Each delta where a client plays it: at once when nothing else is playing, else after that."""
    playing = _Playing(round(PATIENCE_SECONDS * rate))
    for event in events:
        if isinstance(event, Delta):
            playing.add(event)
        elif isinstance(event, Truncate):
            playing.truncate(event)
        else:
            playing.cancel(event)
    return playing.pieces


class _Playing:
    """A client's player: one queue, emptied by a barge-in."""

    def __init__(self, patience: int) -> None:
        self.pieces: list[Piece] = []
        self._patience = patience
        self._end = 0
        self._item: int | None = None
        self._of_item: dict[int, list[Piece]] = defaultdict(list)
        self._of_turn: dict[int, list[Piece]] = defaultdict(list)
        self._truncated: set[int] = set()
        self._cancelled: set[int] = set()

    def add(self, delta: Delta) -> None:
        patience = self._patience if delta.item == self._item else 0
        start = self._end if delta.at <= self._end + patience else delta.at
        piece = Piece(delta.turn, delta.item, start, delta.length, delta.length)
        self.pieces.append(piece)
        if delta.item in self._truncated or delta.turn in self._cancelled:
            piece.length = 0
            return
        self._item = delta.item
        self._end = piece.end
        self._of_item[delta.item].append(piece)
        self._of_turn[delta.turn].append(piece)

    def truncate(self, event: Truncate) -> None:
        """Keep the beginning of an item, whatever a cancellation before has left of it."""
        self._truncated.add(event.item)
        left = event.keep
        for piece in self._of_item[event.item]:
            piece.length = min(piece.whole, left)
            left -= piece.length
        self._stop(event.at, self._of_item[event.item])

    def cancel(self, event: Cancel) -> None:
        """Cut what would play later, but for items of which the client said how much it had played."""
        if not event.turn:
            return
        self._cancelled.add(event.turn)
        pieces = [piece for piece in self._of_turn[event.turn] if piece.item not in self._truncated]
        for piece in pieces:
            piece.length = max(0, min(piece.length, event.at - piece.start))
        self._stop(event.at, pieces)

    def _stop(self, at: int, pieces: Iterable[Piece]) -> None:
        kept = max((piece.end for piece in pieces if piece.length), default=0)
        self._end = min(self._end, max(at, kept))
