"""`check --replay`: what the policies of a rules file would have done to a recorded session, compared with what was done then."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Final
from typing import Literal

from rich.text import Text

from cli.messages import recorded
from cli.messages import with_content
from cli.output import out
from cli.output import print_json
from cli.output import print_table
from cli.plain import plain
from rules.model import Rules
from rules.policy import compiled
from rules.words import word_lists
from store.frames import Event
from store.frames import Found
from store.rejudging import Rejudged
from store.rejudging import rejudge

State = Literal["new", "gone", "same", "unseen"]
_Now = tuple[Event, str, str]
"""A message, a policy that matches it, and what that does."""

_SHOWN: Final = 50
"""Messages that are listed for people."""
_COUNTS: Final = ("then", "now", "same", "new", "gone", "unseen")


@dataclass(frozen=True, slots=True)
class Difference:
    """A policy at a message: what it did then and does now, "" for nothing. `applied` False is one that only watches.

    `unseen`: what it matched then was not kept, so that nobody can say what it does now.
    """

    n: int
    type: str
    turn: int | None
    policy: str
    then: str
    now: str
    state: State


@dataclass(slots=True)
class Comparison:
    """All of a session. `judged` of its messages could be; `ends` is the one that would have ended it."""

    session: str
    messages: int = 0
    judged: int = 0
    changed: int = 0
    blocked: int = 0
    ends: int | None = None
    found: list[Difference] = field(default_factory=list)

    def policies(self) -> dict[str, Counter[str]]:
        """How often each policy matched then and now, and how often that is the same."""
        made: dict[str, Counter[str]] = {}
        for one in self.found:
            made.setdefault(one.policy, Counter()).update({"then": int(bool(one.then)), "now": int(bool(one.now)), one.state: 1})
        return made


def replay(data: Path, session: str, rules: Rules) -> Comparison:
    """Hold a recorded session before the rules. Raises Failure."""
    record, frames = recorded(data, session)
    with_content(record, frames)
    policies = compiled(rules.policies, word_lists(rules.words), rules.on_error)
    done = Comparison(record["id"], messages=frames.count)
    then: list[tuple[Event, Found]] = []
    now: list[_Now] = []
    for one in rejudge(frames, policies, record["dialect"]):
        _count(done, one)
        now += [(one.event, hit.policy, _said(hit.action, applied=hit.applied)) for hit in one.hits]
    for event in frames.events():
        then += [(event, found) for found in event.findings if found.kind == "policy"]
    done.found = sorted(_differences(then, now), key=lambda found: found.n)
    return done


def show_replay(done: Comparison, *, as_json: bool) -> None:
    """Print it."""
    if as_json:
        print_json({**asdict(done), "policies": done.policies()})
        return
    out().print(f"{done.session}: {done.messages} messages, {done.judged} judged again", markup=False, soft_wrap=True)
    ends = f"; message {done.ends} would end the session" if done.ends is not None else ""
    out().print(f"now {done.changed} would be changed, {done.blocked} blocked{ends}", markup=False, soft_wrap=True)
    if done.found:
        rows = [(policy, *(counts[name] for name in _COUNTS)) for policy, counts in done.policies().items()]
        print_table(("policy", *_COUNTS), rows, _COUNTS)
    for one in done.found[:_SHOWN]:
        out().print(_line(one), soft_wrap=True)
    if len(done.found) > _SHOWN:
        out().print(f"and {len(done.found) - _SHOWN} more; --json has them all", markup=False)


def _line(one: Difference) -> Text:
    turn = f", turn {one.turn}" if one.turn is not None else ""
    told = f"{one.then or 'nothing'} then, {one.now or 'nothing'} now"
    return Text.assemble((f"{one.state:>6} ", _STYLES[one.state]), f"{one.n} {plain(one.type)}{turn}: {one.policy}, {told}")


_STYLES: Final = {"new": "bold yellow", "gone": "bold cyan", "same": "dim", "unseen": "dim"}


def _count(done: Comparison, one: Rejudged) -> None:
    done.judged += one.result is not None
    done.changed += one.result == "changed"
    done.blocked += one.result == "blocked"
    if one.result == "closed":
        done.ends = one.event.n


def _differences(then: list[tuple[Event, Found]], now: list[_Now]) -> Iterable[Difference]:
    """Matched by message, then by turn: words that were held back may be told of at another message of theirs."""
    left = list(now)
    for event, found in then:
        same = _taken(left, found.policy, event)
        state: State = "same" if same else "unseen" if _is_unseen(event) else "gone"
        yield _difference(event, found.policy or "", _said(found.action, applied=found.applied), same, state)
    for event, policy, said in left:
        yield _difference(event, policy, "", said, "new")


def _taken(left: list[_Now], policy: str | None, event: Event) -> str:
    """What this policy does now at this message or else at another of its turn, which is taken out; "" for nothing."""
    here = [one for one in left if one[1] == policy and one[0].n == event.n]
    near = [one for one in left if one[1] == policy and event.turn is not None and one[0].turn == event.turn]
    for one in (*here, *near)[:1]:
        left.remove(one)
        return one[2]
    return ""


def _is_unseen(event: Event) -> bool:
    """Whether the message was kept otherwise than it came, or not at all."""
    return event.outcome in ("changed", "dropped", "added") or event.masked


def _difference(event: Event, policy: str, then: str, now: str, state: State) -> Difference:
    return Difference(event.n, event.type, event.turn, policy, then, now, state)


def _said(action: str, *, applied: bool) -> str:
    return action if applied else f"{action} (watched)"
