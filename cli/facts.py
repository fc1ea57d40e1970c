"""What is on record of a session, under the names by which conditions ask for it. What is not there is None, never 0."""

from __future__ import annotations

import json
from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from typing import Final

from cli.records import Record
from realtime.latencies import percentile
from realtime.usage import NAMES
from store.cells import latency
from store.cells import moment
from store.filters import SESSION
from store.query import status_of

CLOCKS: Final = ("first_audio", "first_output", "request_to_first_audio", "response", "barge_in_to_last_audio")
"""Clocks of a turn, docs/turns.md."""


@dataclass(frozen=True, slots=True)
class Facts:
    """A session, its turns in order, its findings."""

    session: Record
    turns: list[Record]
    findings: list[Record]

    @property
    def calls(self) -> list[Record]:
        """Every call of a tool, in order."""
        return [call for turn in self.turns for call in turn["tool_calls"]]


@dataclass(frozen=True, slots=True)
class Figure:
    """A number of a session. Those that are `timed` are in milliseconds and written as durations; `short` stands for several in lists."""

    read: Callable[[Facts], float | None]
    missing: str = "not on record"
    shown: Callable[[float], str] = "{:g}".format
    timed: bool = False
    short: str = ""


def arguments_of(call: Mapping[str, Any]) -> dict[str, str] | None:
    """The arguments of a call by name, what is no text as JSON; None where they are not on record."""
    if call.get("arguments") is None:
        return None
    try:
        found = json.loads(call["arguments"])
    except ValueError:
        return {}
    given = found.items() if isinstance(found, dict) else ()
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in given}


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


_STATISTICS: Final[dict[str, Callable[[list[float]], float]]] = {
    "p50": partial(percentile, percent=50),
    "p95": partial(percentile, percent=95),
    "p99": partial(percentile, percent=99),
    "min": min,
    "max": max,
    "mean": _mean,
}


def _clock(facts: Facts, *, name: str, of: Callable[[list[float]], float]) -> float | None:
    values = sorted(turn["clocks"][name] for turn in facts.turns if turn["clocks"].get(name) is not None)
    return of(values) if values else None


def _cost(facts: Facts) -> float | None:
    found = facts.session.get("cost") or {}
    return None if found.get("partial") else found.get("usd")


def _usage(facts: Facts, *, name: str) -> float | None:
    """Parts that are not named are 0, where there is any usage."""
    found = facts.session.get("usage")
    return float(found.get(name, 0)) if found and any(found.values()) else None


def _duration(facts: Facts) -> float | None:
    ended = facts.session.get("ended_at")
    return (moment(ended) - moment(facts.session["started_at"])).total_seconds() * 1000 if ended else None


def _errors(facts: Facts) -> float | None:
    """They are told at the end."""
    found = facts.session.get("errors")
    return None if found is None else len(found)


def _close(facts: Facts, *, name: str) -> Any:
    return (facts.session.get("close") or {}).get(name)


def _clocks() -> dict[str, Figure]:
    short = f"({'|'.join(CLOCKS)}).({'|'.join(_STATISTICS)})"
    return {
        f"{clock}.{name}": Figure(partial(_clock, name=clock, of=of), "no turn has this clock", latency, timed=True, short=short)
        for clock in CLOCKS
        for name, of in _STATISTICS.items()
    }


FIGURES: Final[dict[str, Figure]] = {
    "turns": Figure(lambda facts: len(facts.turns)),
    "interrupted": Figure(lambda facts: sum(turn["interrupted"] for turn in facts.turns)),
    "calls": Figure(lambda facts: len(facts.calls)),
    "errors": Figure(_errors, "it has not ended"),
    "findings": Figure(lambda facts: len(facts.findings)),
    "cost": Figure(_cost, "it has no price, or not all of it", "${:.6f}".format),
    "duration": Figure(_duration, "it has not ended", latency, timed=True),
    "close.code": Figure(partial(_close, name="code"), "it was not closed"),
    **_clocks(),
    **{f"usage.{name}": Figure(partial(_usage, name=name), "no usage was reported", short="usage.NAME") for name in NAMES},
}
"""By name, numbers that can be compared."""


def _field(facts: Facts, *, name: str) -> list[str | None]:
    return [facts.session.get(name)]


def _of_turns(facts: Facts, *, name: str) -> list[str | None]:
    return [turn[name] for turn in facts.turns]


TEXTS: Final[dict[str, Callable[[Facts], list[str | None]]]] = {
    **{name: partial(_field, name=field) for name, field in SESSION.items() if name != "status"},
    "status": partial(_of_turns, name="status"),
    "voice": partial(_of_turns, name="voice"),
    "session.status": lambda facts: [status_of(facts.session)],
    "close.side": lambda facts: [_close(facts, name="side")],
    "close.reason": lambda facts: [_close(facts, name="reason")],
}
"""By name, texts that are compared with a glob: of the session, or one of each turn."""


def _said(facts: Facts, *, name: str) -> list[str | None]:
    """Of each turn that has words."""
    return [turn.get(name) for turn in facts.turns if turn[f"{name}_chars"]]


WORDS: Final[dict[str, Callable[[Facts], list[str | None]]]] = {
    "said": partial(_said, name="output"),
    "heard": partial(_said, name="input"),
}
"""By name, what was said: by the model, by the user."""
