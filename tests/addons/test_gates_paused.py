"""Time limits of the gates while messages stand at a breakpoint."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any
from typing import cast

import pytest

from addons.gating import Gated
from realtime.gates.settings import NONE


def gated(monkeypatch: pytest.MonkeyPatch) -> tuple[Gated, SimpleNamespace, dict[str, list[float]]]:
    """A session with both gates, each with a deadline in 100 s, its session, and when each was told that the time has come."""
    dialect = SimpleNamespace(name="openai")
    session = SimpleNamespace(gates=NONE, dialect=dialect, stood=0.0, paused=frozenset())
    line = SimpleNamespace(pump_if_due=lambda: None)
    told: dict[str, list[float]] = {"answers": [], "sound": []}
    made = Gated(cast(Any, SimpleNamespace(session=session, line=line)), cast(Any, None), lambda: None)
    until = time.monotonic() + 100
    made.answers = cast(Any, SimpleNamespace(deadline=until, due=told["answers"].append))
    made.sound = cast(Any, SimpleNamespace(deadline=until, due=told["sound"].append))
    monkeypatch.setattr(Gated, "_arm", lambda self: None)
    return made, session, told


@pytest.mark.parametrize(("paused", "asked"), [((), ["answers", "sound"]), ((True,), ["sound"]), ((False,), []), ((True, False), [])])
def test_who_waits_for_what_is_paused_is_not_late(monkeypatch: pytest.MonkeyPatch, paused: tuple[bool, ...], asked: list[str]) -> None:
    made, session, told = gated(monkeypatch)
    session.paused = frozenset(paused)
    made._due()
    assert [name for name, times in told.items() if times] == asked


def test_the_clock_of_answers_stands_still_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    made, session, told = gated(monkeypatch)
    answers = cast(Any, made.answers)
    session.stood += 30
    assert made._deadline_of_answers == answers.deadline + 30
    made._due()
    assert told["sound"][0] - told["answers"][0] == pytest.approx(30)
    answers.deadline = None
    assert made._deadline_of_answers is None
    answers.deadline = 5.0
    assert made._deadline_of_answers == 5.0
