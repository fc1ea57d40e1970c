"""What two sessions differ in, value by value: configuration, and turn by turn tools, texts, latencies, usage and cost; findings."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from typing import Final

from cli.alignment import Pair
from cli.alignment import Part
from cli.alignment import aligned
from cli.alignment import word_diff
from cli.configured import Configured
from cli.facts import FIGURES
from cli.facts import Facts
from cli.records import Record


class Aspect(StrEnum):
    """What can be compared."""

    config = "config"
    turns = "turns"
    text = "text"
    tools = "tools"
    latency = "latency"
    usage = "usage"
    cost = "cost"
    findings = "findings"


@dataclass(frozen=True, slots=True)
class Side:
    """A session as it is compared; `configured` None where its messages are not on record."""

    facts: Facts
    configured: Configured | None


@dataclass(frozen=True, slots=True)
class Difference:
    """One value of both sessions, also where it is equal. `turns` has the numbers of a turn in each, None for the session as a whole.

    `words` are those of two texts that differ.
    """

    aspect: Aspect
    turns: tuple[int | None, int | None] | None
    name: str
    a: Any
    b: Any
    equal: bool
    words: list[Part] | None = None


UNKNOWN: Final = "not on record"
"""A value that was not kept: it equals none, not even another of its kind."""

_CONFIG: Final = ("provider", "model", "upstream_model", "provider_model", "dialect", "transport")
_OF_TURNS: Final = ("model", "voice", "tools")
_LATENCY: Final = ("first_output", "first_audio", "response")
_USAGE: Final = ("input_tokens", "output_tokens")
_TEXTS: Final = {"heard": "input", "said": "output"}
_TOTALS: Final = {
    Aspect.latency: ("first_audio.p50", "first_audio.p95"),
    Aspect.usage: ("usage.input_tokens", "usage.output_tokens"),
    Aspect.cost: ("cost",),
}


def differences(a: Side, b: Side, within: float) -> list[Difference]:
    """All values of two sessions. Latencies, usage and cost are equal when they differ by at most `within`, a share of the larger one."""
    made = list(_config(a, b))
    varying = [name for name in _OF_TURNS if _varies(a.facts, name) or _varies(b.facts, name)]
    for pair in aligned(a.facts.turns, b.facts.turns):
        made += _turn(pair, varying, within)
    return [*made, *_totals(a.facts, b.facts, within), *_findings(a.facts, b.facts)]


def _config(a: Side, b: Side) -> Iterator[Difference]:
    for name in _CONFIG:
        yield _plain(Aspect.config, None, name, a.facts.session.get(name), b.facts.session.get(name))
    for name in ("voice", "tools"):
        yield _plain(Aspect.config, None, name, _of_turns(a.facts, name), _of_turns(b.facts, name))
    if a.configured is not None and b.configured is not None:
        mine, yours = a.configured.digests(), b.configured.digests()
        for name in dict.fromkeys((*mine, *yours)):
            yield _plain(Aspect.config, None, name, mine.get(name), yours.get(name))
        for name in dict.fromkeys((*a.configured.settings, *b.configured.settings)):
            yield _plain(Aspect.config, None, name, a.configured.settings.get(name), b.configured.settings.get(name))


def _of_turns(facts: Facts, name: str) -> Any:
    """What the turns had, in order and each value once."""
    found = [turn[name] for turn in facts.turns if turn[name]]
    lists = [value if isinstance(value, list) else [value] for value in found]
    return list(dict.fromkeys(value for one in lists for value in one))


def _varies(facts: Facts, name: str) -> bool:
    """Whether this was changed while the session ran."""
    return len({json.dumps(turn.get(name)) for turn in facts.turns}) > 1


def _turn(pair: Pair, varying: Sequence[str], within: float) -> Iterator[Difference]:
    """`varying` is what was configured otherwise from turn to turn, so that it is compared for each."""
    a, b = pair
    turns = _index(a), _index(b)
    yield _plain(Aspect.turns, turns, "status", a and a["status"], b and b["status"])
    if a is not None and b is not None:
        for name in varying:
            yield _plain(Aspect.config, turns, name, a.get(name), b.get(name))
    for name, field in _TEXTS.items():
        yield _texts(turns, name, _text(a, field), _text(b, field))
    yield _known(Aspect.tools, turns, "calls", _calls(a), _calls(b))
    for name in _LATENCY:
        yield _number(Aspect.latency, turns, name, _inner(a, "clocks", name), _inner(b, "clocks", name), within)
    for name in _USAGE:
        yield _number(Aspect.usage, turns, name, _inner(a, "usage", name), _inner(b, "usage", name), within)
    yield _number(Aspect.cost, turns, "cost", _inner(a, "cost", "usd"), _inner(b, "cost", "usd"), within)


def _index(turn: Record | None) -> int | None:
    return None if turn is None else int(turn["index"])


def _totals(a: Facts, b: Facts, within: float) -> Iterator[Difference]:
    for aspect, names in _TOTALS.items():
        for name in names:
            yield _number(aspect, None, name, FIGURES[name].read(a), FIGURES[name].read(b), within)


def _findings(a: Facts, b: Facts) -> Iterator[Difference]:
    mine, yours = (Counter(map(_finding, facts.findings)) for facts in (a, b))
    for name in sorted(mine.keys() | yours.keys()):
        yield _plain(Aspect.findings, None, name, mine[name], yours[name])


def _finding(row: Record) -> str:
    return " ".join((row.get("policy") or row["kind"], row["action"], row["severity"], row["mode"]))


def _text(turn: Record | None, field: str) -> str | None:
    """None where there is no turn."""
    if turn is None:
        return None
    found: str | None = turn.get(field) if turn[f"{field}_chars"] else ""
    return UNKNOWN if found is None else found


def _calls(turn: Record | None) -> list[str] | str:
    """Each with its arguments, in one way of writing JSON."""
    calls: Sequence[Mapping[str, Any]] = turn["tool_calls"] if turn else ()
    if any(call.get("arguments") is None and call["arguments_chars"] for call in calls):
        return UNKNOWN
    return [f"{call['name']}({_canonical(call.get('arguments') or '')})" for call in calls]


def _canonical(arguments: str) -> str:
    try:
        return json.dumps(json.loads(arguments), sort_keys=True, ensure_ascii=False)
    except ValueError:
        return arguments


def _inner(turn: Record | None, holder: str, name: str) -> float | None:
    return ((turn and turn.get(holder)) or {}).get(name)


def _plain(aspect: Aspect, turns: tuple[int | None, int | None] | None, name: str, a: Any, b: Any) -> Difference:
    return Difference(aspect, turns, name, a, b, a == b)


def _known(aspect: Aspect, turns: tuple[int | None, int | None], name: str, a: Any, b: Any) -> Difference:
    return Difference(aspect, turns, name, a, b, a == b and a != UNKNOWN)


def _texts(turns: tuple[int | None, int | None], name: str, a: str | None, b: str | None) -> Difference:
    same = _known(Aspect.text, turns, name, a, b)
    if same.equal or UNKNOWN in (a, b):
        return same
    return Difference(Aspect.text, turns, name, a, b, equal=False, words=word_diff(a or "", b or ""))


def _number(
    aspect: Aspect, turns: tuple[int | None, int | None] | None, name: str, a: float | None, b: float | None, within: float
) -> Difference:
    equal = a == b if a is None or b is None else abs(a - b) <= within * max(abs(a), abs(b))
    return Difference(aspect, turns, name, a, b, equal)
