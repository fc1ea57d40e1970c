"""A session's timeline as pictures that need no script: strips of equal length under each other, as on a chart recorder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field
from math import ceil
from typing import Any
from typing import Final

from store.cells import SLOW_MS
from web.rendering import seconds as clock

Record = dict[str, Any]

WIDTH: Final = 1000.0
"""Units across a strip."""
MARKS: Final = 5
"""Parts of a strip that are named."""
_LENGTHS: Final = (5, 10, 20, 30, 60, 120, 300, 600)
_MOST: Final = 12
"""Strips, where one of the lengths allows it."""
_LEAST: Final = 2.0
"""Units of the shortest shape."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A piece of a lane from `x` on, `width` wide; `at` is in seconds, `turn` leads to it."""

    lane: str
    x: float
    width: float
    words: str
    turn: int | None
    at: float


@dataclass(slots=True)
class Strip:
    """What happened between `begin` and `end`, in seconds."""

    begin: float
    end: float
    shapes: list[Shape] = field(default_factory=list)

    @property
    def marks(self) -> list[float]:
        """The moments that are named."""
        return [self.begin + (self.end - self.begin) * part / MARKS for part in range(MARKS)]


def strips(timeline: Record) -> list[Strip]:
    """Of a timeline as `web.timeline.timeline` makes it."""
    lasted = max(1.0, timeline["seconds"])
    length = next((length for length in _LENGTHS if lasted / length <= _MOST), ceil(lasted / _MOST))
    made = [Strip(begin * float(length), (begin + 1) * float(length)) for begin in range(ceil(lasted / length))]
    for lane, begin, end, words, turn in _pieces(timeline):
        first, last = (min(len(made) - 1, max(0, int(at // length))) for at in (begin, end))
        for strip in made[first : last + 1]:
            strip.shapes.append(_shape(strip, lane, begin, end, words, turn))
    return made


def _shape(strip: Strip, lane: str, begin: float, end: float, words: str, turn: int | None) -> Shape:
    scale = WIDTH / (strip.end - strip.begin)
    from_, to = max(begin, strip.begin), min(end, strip.end)
    width = max(_LEAST, (to - from_) * scale)
    return Shape(lane, round(min(WIDTH - width, (from_ - strip.begin) * scale), 1), round(width, 1), words, turn, max(0.0, begin))


def _pieces(timeline: Record) -> Iterator[tuple[str, float, float, str, int | None]]:
    """Lane, begin, end, words and turn of everything there is to draw; what is drawn later lies above."""
    for turn in timeline["turns"]:
        index = turn["index"]
        for lane, span, words in (("you", turn["user"], "user"), ("model", turn["model"], "model")):
            if span is not None:
                yield lane, *span, f"turn {index}, {words}: {clock(span[0])} to {clock(span[1])}", index
        if turn["waited"] is not None:
            begin, end = turn["waited"]
            waited = turn["waited_ms"]
            yield "slow" if waited > SLOW_MS else "wait", begin, end, f"turn {index}: first audio after {waited:.0f} ms", index
        for tool in turn["tools"]:
            end = tool["begin"] if tool["end"] is None else tool["end"]
            yield "tool", tool["begin"], end, f"turn {index}, {tool['name']}", index
        if turn["barged"] is not None:
            yield "barged", turn["barged"], turn["barged"], f"turn {index}: the user spoke up", index
    for finding in timeline["findings"]:
        yield "finding", finding["at"], finding["at"], f"{finding['policy'] or finding['kind']}: {finding['action']}", finding["turn"]
