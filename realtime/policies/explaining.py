"""Why a policy matches a message or does not: each of its tests by itself, with what it saw.

A test is a condition with that test alone, so that there is no second way of testing. What is shown is cut, and free of what
detectors find in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from typing import Final
from typing import NamedTuple

from realtime.conditions import Condition
from realtime.conditions import Scalar
from realtime.conditions import Span
from realtime.frame import Frame
from realtime.jsonedit import literal
from realtime.jsonpath import Keys
from realtime.jsonpath import spelled
from realtime.policies.case import Case
from realtime.policies.glance import UNSURE
from realtime.policies.glance import Glance
from realtime.policies.hit import excerpt
from realtime.policies.judge import Judge
from realtime.policies.judge import Judgement
from realtime.policies.match import Match
from realtime.policies.passage import Passage
from realtime.policies.policy import Applicable
from realtime.policies.policy import Policy
from realtime.policies.streams import watches
from realtime.policies.view import Scan
from realtime.verdict import Verdict

_SHOWN: Final = 3
"""Values that are shown of those that a test saw."""

Value = tuple[Keys, Any]


@dataclass(frozen=True, slots=True)
class Step:
    """One test of a policy: what it wanted, and what it saw."""

    test: str
    wanted: str
    passed: bool
    seen: str


@dataclass(frozen=True, slots=True)
class Explained:
    """One policy before a message. `why` says what the tests alone do not: that it was not asked, or could not judge."""

    policy: str
    action: str
    mode: str
    matched: bool
    why: str
    steps: tuple[Step, ...]


class Explanation(NamedTuple):
    """All policies before a message, in their order, and what that makes of it."""

    judgement: Judgement
    policies: tuple[Explained, ...]


class Explainer(Judge):
    """A judge that can be asked why. It must be shown the messages before, as any judge."""

    _opened: _Opened | None = None
    """The message that was judged last, None where there was nothing to look at."""

    def explain(self, frame: Frame, now: float) -> Explanation:
        """As `judge`, with reasons."""
        self._opened = None
        judged = self.judge(frame, now)
        opened = self._opened
        failed = {hit.policy: hit.detail for hit in judged.hits if hit.detail}
        return Explanation(judged, tuple(_explained(policy, frame, opened, failed) for policy in self.policies.policies))

    def _glance(self, frame: Frame, policies: Applicable, now: float) -> Glance:
        """Each policy is asked, also where nothing can be found."""
        return UNSURE

    def _case(self, policies: Applicable, frame: Frame, now: float, fed: list[Passage] | None) -> Case:
        self._opened = _Opened(self.policies, policies, self._streams, self._dialect, frame, now, fed)
        return self._opened


class _Opened(Case):
    """A message whose values can be looked at."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.matched: dict[str, None] = {}
        self.ended_by: Policy | None = None
        self.texts = {passage.keys: passage.text for passage in self._fed}
        """Texts in pieces, as far as they are known, by where the newest piece stands."""

    def values(self, policy: Policy) -> list[Value]:
        """What a policy looks at, words first."""
        condition, view = policy.condition, self._view
        if condition.at is not None:
            return list(view.at(condition.at))
        pieces = [(passage.keys, self.texts[passage.keys]) for passage in self._fed if watches(policy, passage.stream)]
        whole = view.of_kinds(condition.texts) if condition.texts is not None else view.strings
        words = {text.keys: text.part in ("delta", "draft") for text in view.texts}
        left = [found for found in whole if not (self._fed and words.get(found[0]))]
        return [*pieces, *sorted(left, key=lambda found: found[0] not in words)]

    def _act(self, policy: Policy, found: list[Match]) -> Verdict | None:
        self.matched[policy.id] = None
        self.ended_by = policy if policy.ends else self.ended_by
        return super()._act(policy, found)


def _explained(policy: Policy, frame: Frame, opened: _Opened | None, failed: dict[str, str]) -> Explained:
    values = opened.values(policy) if opened is not None and policy.condition.looks_at_values else []
    steps = tuple(_steps(policy.condition, frame, values))
    matched = opened is not None and policy.id in opened.matched
    return Explained(policy.id, policy.action, policy.mode, matched, _why(policy, opened, failed, matched, steps), steps)


def _why(policy: Policy, opened: _Opened | None, failed: dict[str, str], matched: bool, steps: Sequence[Step]) -> str:
    if policy.id in failed:
        return failed[policy.id]
    if matched or not all(step.passed for step in steps):
        return ""
    if opened is None:
        return "this message was not looked at"
    if (ender := opened.ended_by) is not None:
        return f"policy {ender.id} had ended the evaluation"
    return "what matches here was told of already, or is sound"


def _steps(condition: Condition, frame: Frame, values: Sequence[Value]) -> Iterator[Step]:
    """Every test, in the order in which they are made; those on values are left out where one before them fails."""
    passed = True
    for step in _of_message(condition, frame):
        passed = passed and step.passed
        yield step
    if passed and condition.looks_at_values:
        yield from _of_values(condition, values)


def _of_message(condition: Condition, frame: Frame) -> Iterator[Step]:
    if condition.from_client is not None:
        passed = Condition(from_client=condition.from_client).concerns(frame.from_client, frame.type)
        yield Step("from", _side(condition.from_client), passed, _side(frame.from_client))
    if condition.events:
        passed = Condition(events=condition.events).concerns(frame.from_client, frame.type)
        yield Step("event", " or ".join(condition.events), passed, frame.type[:80])
    if _bounds(condition) and condition.at is None and condition.texts is None:
        passed = Condition(over=condition.over, under=condition.under).weighs(len(frame.payload))
        yield Step("size", _bounds(condition), passed, f"{len(frame.payload)} bytes")


def _of_values(condition: Condition, values: Sequence[Value]) -> Iterator[Step]:
    where = "text" if condition.at is None else "at"
    yield Step(where, _place(condition), bool(values), _seen(values, []))
    tests = [(name, wanted, _found(single, values)) for name, wanted, single in _single(condition)] if values else []
    for name, wanted, found in tests:
        yield Step(name, wanted, any(spans is not None for spans in found), _seen(values, found))
    if len(tests) > 1 and all(any(spans is not None for spans in found) for _, _, found in tests):
        together = _found(condition, values)
        yield Step("together", "all of these for one value", any(spans is not None for spans in together), _seen(values, together))


def _single(condition: Condition) -> Iterator[tuple[str, str, Condition]]:
    """Each test on values with a condition that makes no other."""
    at, texts = condition.at, condition.texts
    if condition.one_of is not None:
        yield "in", _listed(condition.one_of), Condition(at=at, texts=texts, one_of=condition.one_of)
    if condition.none_of is not None:
        yield "not_in", _listed(condition.none_of), Condition(at=at, texts=texts, none_of=condition.none_of)
    if _bounds(condition) and (at is not None or texts is not None):
        yield "size", _bounds(condition), Condition(at=at, texts=texts, over=condition.over, under=condition.under)
    if condition.regex is not None:
        yield "regex", condition.regex.pattern, Condition(at=at, texts=texts, regex=condition.regex)
    if condition.detect:
        names = ", ".join(name if isinstance(name, str) else name.id for name in condition.detect)
        yield "detect", names, Condition(at=at, texts=texts, detect=condition.detect)


def _found(condition: Condition, values: Sequence[Value]) -> list[tuple[Span, ...] | None]:
    scan = Scan(None)
    return [condition.spans(value, scan.search, scan.detect) for _, value in values]


def _seen(values: Sequence[Value], found: Sequence[tuple[Span, ...] | None]) -> str:
    """The values that meet a test, or else those that do not: the first few, as they may be shown."""
    if not values:
        return "nothing"
    met = [number for number, spans in enumerate(found) if spans is not None]
    chosen = (met or range(len(values)))[:_SHOWN]
    shown = [_shown(values[number][1], found[number] if found else None) for number in chosen]
    more = len(values) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _shown(value: Any, spans: tuple[Span, ...] | None) -> str:
    text = value if isinstance(value, str) else literal(value)
    return repr(excerpt(text, spans or ()))


def _place(condition: Condition) -> str:
    if condition.at is not None:
        return spelled(condition.at)
    return ", ".join(sorted(condition.texts)) if condition.texts is not None else "every string"


def _bounds(condition: Condition) -> str:
    bounds = (("over", condition.over), ("under", condition.under))
    return ", ".join(f"{name} {size} bytes" for name, size in bounds if size is not None)


def _listed(values: frozenset[Scalar]) -> str:
    return ", ".join(sorted(literal(value) for _, value in values))


def _side(from_client: bool) -> str:
    return "client" if from_client else "server"
