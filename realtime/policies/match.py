"""Where a policy matched in a message, and what is shown and remembered of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from typing import NamedTuple

from realtime.conditions import Span
from realtime.frame import Frame
from realtime.jsonedit import literal
from realtime.jsonpath import Keys
from realtime.policies.hit import excerpt
from realtime.policies.passage import Passage
from realtime.policies.policy import Policy
from realtime.policies.refusal import answer_of
from realtime.policies.refusal import item_of
from realtime.policies.trace import Trace
from realtime.policies.trace import stops
from realtime.texts import Kind


class Match(NamedTuple):
    """Where a condition holds: in a value at `keys` (None: the message as a whole), in `spans` of it (none: all of it)."""

    keys: Keys | None = None
    value: Any = None
    spans: tuple[Span, ...] = ()
    passage: Passage | None = None


def shown(match: Match, seen: Iterable[Match]) -> str:
    """The excerpt of a match. What any of the matches `seen` in the same text found does not show in it."""
    text = match.value if isinstance(match.value, str) else literal(match.value)
    others = [span for other in seen if other.keys == match.keys and other.value == match.value for span in other.spans]
    return excerpt(text, [*match.spans, *others], open_end=match.passage is not None)


def traced(policy: Policy, match: Match, kind: Kind | None, frame: Frame) -> Trace:
    """The trace of a match in a text of this kind."""
    whole = match.value if isinstance(match.value, str) and not match.spans else None
    return Trace(policy.id, kind, stops(policy), answer_of(frame), item_of(frame), whole, frame.from_client, match.keys is not None)
