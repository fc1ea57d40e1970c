"""What of a session's sound belongs to which turn."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import Final

from realtime.soundtrack import Piece
from store.gathered import Gathered
from store.track import Track

SIDES: Final = ("user", "model")


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a track, in samples; `cut` where more had come than was played."""

    start: int
    end: int
    cut: bool = False


Spans = dict[int, dict[str, Span]]
"""By turn and side."""


def spans_of_messages(found: Gathered, spoken: list[Piece], played: list[Piece]) -> Spans:
    """The messages that came while the user's side of a turn lasted, and those of its answer."""
    spans: Spans = {}
    times = [message.at for message in found.user]
    for turn, facts in found.turns.items():
        begin, end = (bisect_right(times, moment) for moment in facts["user"] or (0.0, 0.0))
        if begin < end:
            spans.setdefault(turn, {})["user"] = Span(spoken[begin].start, spoken[end - 1].end)
    for turn, span in _answers(played).items():
        if turn:
            spans.setdefault(turn, {})["model"] = span
    return spans


def _answers(played: list[Piece]) -> dict[int, Span]:
    spans: dict[int, Span] = {}
    for piece in played:
        cut = piece.length < piece.whole
        before = spans.get(piece.turn)
        if piece.length:
            start, end = (piece.start, piece.end) if before is None else (min(before.start, piece.start), max(before.end, piece.end))
            spans[piece.turn] = Span(start, end, cut or (before is not None and before.cut))
        elif before is not None:
            spans[piece.turn] = Span(before.start, before.end, cut or before.cut)
    return spans


def spans_by_clock(found: Gathered, tracks: dict[str, Track]) -> Spans:
    """On a call, where sound has no messages: the times of the turn's clocks."""
    spans: Spans = {}
    for turn, facts in found.turns.items():
        if facts["user"] and "user" in tracks:
            spans.setdefault(turn, {})["user"] = _between(tracks["user"], *facts["user"])
    for turn, (begin, end) in _answering(found).items() if "model" in tracks else ():
        spans.setdefault(turn, {})["model"] = _between(tracks["model"], begin, end)
    return spans


def _answering(found: Gathered) -> dict[int, tuple[float, float]]:
    """From when the provider began to send an answer's sound to when it was done.

    A provider that never says so: from when the answer began to the user's next words or the next answer.
    """
    begun: dict[int, float] = {} if found.playbacks else {turn: facts["began"] for turn, facts in found.turns.items()}
    ended: dict[int, float] = {}
    for playback in found.playbacks:
        (begun if playback.facts["playback"] else ended)[playback.facts["turn"]] = playback.at
    later = sorted([*begun.values(), *(facts["user"][0] for facts in found.turns.values() if facts["user"])])
    return {turn: (at, ended.get(turn, next((other for other in later if other > at), float("inf")))) for turn, at in begun.items()}


def _between(track: Track, begin: float, end: float) -> Span:
    return Span(max(0, round(begin * track.rate)), round(min(end, track.seconds) * track.rate))
