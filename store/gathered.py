"""A spool read back: every message's length, the marks between them, and the tracks of both sides made of all that."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any
from typing import Final
from typing import NamedTuple

import msgspec

from realtime.soundtrack import Arrival
from realtime.soundtrack import Cancel
from realtime.soundtrack import Delta
from realtime.soundtrack import Piece
from realtime.soundtrack import Truncate
from realtime.soundtrack import played
from realtime.soundtrack import spoken
from store.pcm import WIDTH
from store.pcm import Reader
from store.pcm import Resampler
from store.pcm import unwrapped
from store.spool import MARK
from store.spool import MODEL
from store.spool import USER
from store.spool import read
from store.track import Track

MOST_RATE: Final = 48_000
LEAST_RATE: Final = 8_000


Part = tuple[int, str]
"""A turn (0: none) and a side."""


class Message(NamedTuple):
    """The sound of one message: so many samples at a rate. `at` is seconds since the session began."""

    at: float
    rate: int
    samples: int
    turn: int
    item: int


class Mark(NamedTuple):
    """What stands between the messages, see `addons/listener.py`."""

    at: float
    facts: dict[str, Any]


@dataclass(slots=True)
class Gathered:
    """All of a spool but the sound itself. `opened` is the Unix time at which the session began."""

    path: Path
    opened: float = 0.0
    user: list[Message] = field(default_factory=list)
    model: list[Message | Mark] = field(default_factory=list)
    turns: dict[int, dict[str, Any]] = field(default_factory=dict)
    playbacks: list[Mark] = field(default_factory=list)
    cut: bool = False
    skipped: list[str] = field(default_factory=list)
    guarded: set[str] = field(default_factory=set)
    silenced: dict[Part, list[str]] = field(default_factory=dict)
    """Sides of turns whose words did not cross as they were said, and the policies that saw to it."""
    settled: set[Part] = field(default_factory=set)
    _ends: list[tuple[float, float, int]] = field(default_factory=list)

    def keeps(self, turn: int, side: str) -> bool:
        """Whether the sound of a side of a turn (0: of none) is kept."""
        if side not in self.guarded:
            return True
        return (turn, side) not in self.silenced and not self.settled.isdisjoint(((turn, side), (0, side)))

    def turn_at(self, at: float) -> int:
        """The turn whose user said what arrived at a moment; 0 where it is none's."""
        if not self._ends:
            self._ends = sorted((facts["user"][1], facts["user"][0], turn) for turn, facts in self.turns.items() if facts["user"])
        place = bisect_left(self._ends, (at,))
        return self._ends[place][2] if place < len(self._ends) and self._ends[place][1] < at else 0

    @property
    def answers(self) -> list[Message]:
        """The model's messages."""
        return [message for message in self.model if isinstance(message, Message)]


def gather(path: Path) -> Gathered:
    """Read a spool as far as it is complete. Raises OSError."""
    found = Gathered(path)
    for kind, message in _entries(path):
        if isinstance(message, Mark):
            _note(found, message)
        elif kind == USER:
            found.user.append(message[0])
        else:
            found.model.append(message[0])
    return found


def _note(found: Gathered, mark: Mark) -> None:
    match mark.facts:
        case {"opened": float(opened)}:
            found.opened = opened
        case {"turn": int(turn), "began": _}:
            found.turns[turn] = mark.facts
        case {"playback": _, "turn": _}:
            found.playbacks.append(mark)
        case {"truncate": _} | {"cancel": _}:
            found.model.append(mark)
        case {"cut": _}:
            found.cut = True
        case {"skipped": str(encoding)}:
            found.skipped.append(encoding)
        case {"guarded": str(side)}:
            found.guarded.add(side)
        case {"silenced": int(turn), "side": str(side), "policy": str(policy)}:
            policies = found.silenced.setdefault((turn, side), [])
            if policy not in policies:
                policies.append(policy)
        case {"settled": int(turn), "side": str(side)}:
            found.settled.add((turn, side))


def _entries(path: Path) -> Iterator[tuple[int, Mark | tuple[Message, bytes]]]:
    readers = {USER: Reader(), MODEL: Reader()}
    for entry, data in read(path):
        if entry.kind == MARK:
            yield MARK, Mark(entry.at, msgspec.json.decode(data))
        elif entry.kind in readers:
            pcm = readers[entry.kind].pcm(unwrapped(data) if entry.base64 else data, entry.format)
            message = Message(entry.at, entry.format.rate, len(pcm) // WIDTH, entry.turn, entry.item)
            yield entry.kind, (message, pcm)


def rate_of(messages: Iterable[Message], otherwise: int) -> int:
    """The rate of a track that loses nothing of its messages, within bounds."""
    rates = [message.rate for message in messages if message.samples]
    return min(max(rates, default=otherwise), MOST_RATE)


def fill_user(track: Track, found: Gathered) -> list[Piece]:
    """Write what the user said to its track; returns where each message stands. Raises OSError."""
    lengths = list(_lengths(found.user, track.rate))
    arrivals = [Arrival(round(message.at * track.rate), length) for message, length in zip(found.user, lengths, strict=True)]
    ends = sorted(round(facts["user"][1] * track.rate) for facts in found.turns.values() if facts["user"])
    starts = spoken(arrivals, track.rate, ends)
    pieces = [Piece(0, 0, start, length, length) for start, length in zip(starts, lengths, strict=True)]
    _fill(track, found.path, USER, pieces)
    return pieces


def fill_model(track: Track, found: Gathered) -> list[Piece]:
    """Write what was heard of the model to its track; returns what of each message that was, and where. Raises OSError."""
    lengths = _lengths(found.answers, track.rate)
    pieces = played([_event(event, lengths, track.rate) for event in found.model], track.rate)
    _fill(track, found.path, MODEL, pieces)
    return pieces


def _event(event: Message | Mark, lengths: Iterator[int], rate: int) -> Delta | Truncate | Cancel:
    at = round(event.at * rate)
    if isinstance(event, Message):
        return Delta(at, next(lengths), event.turn, event.item)
    if "truncate" in event.facts:
        return Truncate(at, event.facts["truncate"], event.facts["ms"] * rate // 1000)
    return Cancel(at, event.facts["cancel"])


def _lengths(messages: Iterable[Message], rate: int) -> Iterator[int]:
    """The length of each message in samples of the track; rounding never adds up."""
    before, sent = 0, 0
    for message in messages:
        sent = sent if message.rate == before else 0
        before = message.rate
        yield (sent + message.samples) * rate // before - sent * rate // before
        sent += message.samples


def _fill(track: Track, path: Path, side: int, pieces: list[Piece]) -> None:
    """The second reading of the spool: each message to its place."""
    run = _Run(track, 0, track.rate)
    sound = (message for kind, message in _entries(path) if kind == side and not isinstance(message, Mark))
    for piece, (message, pcm) in zip(pieces, sound, strict=False):
        if not piece.length:
            continue
        if piece.start != run.end or message.rate != run.rate:
            run.close()
            run = _Run(track, piece.start, message.rate)
        run.add(pcm[: -(-piece.length * message.rate // track.rate) * WIDTH], piece.length)
    run.close()


class _Run:
    """Messages of one rate without a gap between them."""

    def __init__(self, track: Track, start: int, rate: int) -> None:
        self.end = start
        self.rate = rate
        self._track = track
        self._written = start
        self._resampler = Resampler(rate, track.rate)

    def add(self, pcm: bytes, length: int) -> None:
        self.end += length
        self._write(self._resampler.feed(pcm))

    def close(self) -> None:
        self._write(self._resampler.flush())

    def _write(self, pcm: bytes) -> None:
        pcm = pcm[: (self.end - self._written) * WIDTH]
        self._track.write(self._written, pcm)
        self._written += len(pcm) // WIDTH
