"""When held words are looked at again: at the earliest time that any message asked for."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

from addons.policing import Policing


async def test_the_earliest_look_counts() -> None:
    """A number that has begun may wait long; words behind it may not."""
    tap: Any = SimpleNamespace(over=[], live={})
    session: Any = SimpleNamespace(id="ses_1")
    policing = Policing(tap)
    now = time.monotonic()
    looks = []
    for seconds in (500, 100, 900):
        policing._wait(session, now + seconds)
        looks.append(round(policing._timers[session.id].when() - now))
    assert looks == [500, 100, 100]
    for over in tap.over:
        over(session)
    assert policing._timers == {}
