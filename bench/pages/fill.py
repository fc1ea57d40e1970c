"""Fills a data folder as the proxy would: each record through the store's writer, in the order of time, over five days up to now."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from datetime import timedelta
from heapq import heapify
from heapq import heappop
from heapq import heappush
from itertools import count
from pathlib import Path
from random import Random
from typing import Final

from bench.pages.records import Hands
from bench.pages.records import Talk
from store.log import Log

TURNS: Final = 10
"""Of a session; in each something is found."""
DAYS: Final = 5
LONGEST: Final = "ses_longest"
"""A session that has a tenth of all turns besides."""
_PACE: Final = timedelta(seconds=5.2)
_COMMIT: Final = 2_000
"""Steps after which what was written has to be on the disk."""

Steps = Iterator[datetime]
"""A session that writes on; each step is the moment of the next."""


def fill(data: Path, turns: int, now: datetime) -> None:
    """So many turns in sessions of ten each, many at once, and the longest session."""
    chance, numbers, hands = Random(11), count(1), Hands(now - timedelta(days=DAYS))
    log = Log.open(data, clock=hands)
    try:
        talks = [Talk(name_of(began, number), began, chance) for number, began in enumerate(_beginnings(turns // TURNS, now))]
        longest = Talk(LONGEST, now - _PACE * (turns // 10), chance)
        _walk(log, hands, [*(_steps(log, talk, TURNS, numbers) for talk in talks), _steps(log, longest, turns // 10, None)])
        log.commit()
    finally:
        log.close()


def name_of(began: datetime, number: int) -> str:
    """An id of the form that the proxy gives: when it began, and something by chance."""
    return f"ses_{int(began.timestamp() * 1_000):011x}{number:010x}"


def _beginnings(sessions: int, now: datetime) -> Iterator[datetime]:
    """Spread evenly over the days, of which the last has come as far as `now`; the newest is over for some minutes."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    today = max(timedelta(seconds=sessions // DAYS), now - midnight - timedelta(minutes=10))
    for day in range(DAYS - 1, -1, -1):
        length = timedelta(hours=23) if day else today
        yield from (midnight - timedelta(days=day) + length * number / (sessions // DAYS) for number in range(sessions // DAYS))


def _walk(log: Log, hands: Hands, steps: list[Steps]) -> None:
    """All sessions at once, each at its time."""
    waiting = [(next(one), number, one) for number, one in enumerate(steps)]
    heapify(waiting)
    for taken in count():
        if not waiting:
            return
        hands.now, number, one = heappop(waiting)
        if (following := next(one, None)) is not None:
            heappush(waiting, (following, number, one))
        if taken % _COMMIT == 0:
            log.commit()


def _steps(log: Log, talk: Talk, turns: int, numbers: Iterator[int] | None) -> Steps:
    at = talk.began
    yield at
    log.session_opened(talk.opening())
    for _ in range(turns):
        at += _PACE
        yield at
        log.turn_written(talk.turn(at))
        if numbers is not None:
            log.finding(talk.finding(next(numbers), at))
        log.session_changed(talk.name, talk.summary())
    log.session_closed(talk.name, talk.closing(at))
    for bill in talk.bills(at):
        log.billed(bill)
