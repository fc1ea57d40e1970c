"""Policies as they are applied: compiled once for each generation of the rules, and sorted by the messages they concern."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from dataclasses import dataclass
from dataclasses import replace
from functools import cached_property
from typing import Final
from typing import Literal

from realtime.conditions import Condition
from realtime.detectors.sieve import Seeker
from realtime.detectors.sieve import Sieve
from realtime.texts import SOUND
from realtime.texts import Kind

Action = Literal["allow", "redact", "block", "close", "tag", "alert"]
Mode = Literal["enforce", "monitor"]
Severity = Literal["low", "medium", "high", "critical"]
OnError = Literal["block", "pass"]

TERMINAL: Final = frozenset({"allow", "block", "close"})
"""Actions that end the evaluation of a message."""

_REMEMBERED: Final = 1024
"""Event types whose policies are remembered; types are the peers' to invent."""


EVERY_MESSAGE: Final = Condition()


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy. `replace` None: a note of what was found takes its place."""

    id: str
    action: Action
    condition: Condition = EVERY_MESSAGE
    mode: Mode = "enforce"
    replace: str | None = None
    message: str = ""
    tag: str | None = None
    severity: Severity | None = None
    on_error: OnError = "block"

    @property
    def enforced(self) -> bool:
        return self.mode == "enforce"

    @property
    def redacts(self) -> bool:
        """Whether it really changes words."""
        return self.action == "redact" and self.enforced

    @property
    def ends(self) -> bool:
        """Whether nothing after it is looked at once it matched."""
        return self.action in TERMINAL and self.enforced

    def instead_of(self, detector: str) -> str:
        """What takes the place of what a detector ("" for a pattern or a whole value) found."""
        return self.replace if self.replace is not None else f"[{detector or 'redacted'}]"


class Applicable(tuple[Policy, ...]):
    """Policies for messages of one kind. `others` are those that may match where no pattern and no detector finds anything.

    `redactors` are those that may change words.
    """

    others: tuple[Policy, ...] = ()
    redactors: tuple[Policy, ...] = ()
    _watching: dict[str, Applicable]

    @classmethod
    def of(cls, policies: Iterable[Policy]) -> Applicable:
        made = cls(policies)
        made.others = tuple(policy for policy in made if not policy.condition.seekers)
        made.redactors = tuple(policy for policy in made if policy.redacts)
        made._watching = {}
        return made

    def watching(self, kind: Kind) -> Applicable:
        """Those that read texts of this kind as they come."""
        found = self._watching.get(kind)
        if found is None:
            found = self._watching[kind] = Applicable.of(policy for policy in self if policy.condition.reads(kind))
        return found


class PolicySet:
    """All policies of one generation, in their order. `monitor` turns every one of them into an observer."""

    def __init__(self, policies: Iterable[Policy] = (), *, monitor: bool = False) -> None:
        self.policies = tuple(replace(policy, mode="monitor") if monitor else policy for policy in policies)
        self._known: dict[tuple[bool, str], Applicable] = {}
        self._made: dict[tuple[int, ...], Applicable] = {}

    @cached_property
    def sieve(self) -> Sieve[Seeker]:
        """What all of their patterns and detectors leave untouched."""
        return Sieve(seeker for policy in self.policies for seeker in policy.condition.seekers)

    def of(self, from_client: bool, event_type: str) -> Applicable:
        """The policies that can apply to messages of this direction and type; () where nothing needs to be looked at."""
        found = self._known.get((from_client, event_type))
        if found is None:
            found = self._sharing(lambda condition: _applies(condition, from_client, event_type))
            if len(self._known) < _REMEMBERED:
                self._known[from_client, event_type] = found
        return found

    def toward(self, from_client: bool) -> Applicable:
        """The policies for messages of this direction, whatever their type."""
        return self._sharing(lambda condition: condition.from_client in (None, from_client))

    def _sharing(self, wanted: Callable[[Condition], bool]) -> Applicable:
        """Those whose condition is wanted; one object for all that ask for the same."""
        numbers = tuple(number for number, policy in enumerate(self.policies) if wanted(policy.condition))
        if numbers not in self._made:
            self._made[numbers] = Applicable.of(self.policies[number] for number in numbers)
        return self._made[numbers]


def _applies(condition: Condition, from_client: bool, event_type: str) -> bool:
    """Sound is no text: a condition on words that names no event leaves it alone."""
    if event_type in SOUND and not condition.events and condition.looks_for_words:
        return False
    return condition.concerns(from_client, event_type)
