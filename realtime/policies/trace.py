"""Where a policy matched, for those who keep what was said: which words they must not keep as they were, and which sound."""

from __future__ import annotations

from typing import Final
from typing import NamedTuple

from realtime.policies.hit import Hit
from realtime.policies.policy import Policy
from realtime.texts import Kind

STOPPING: Final = frozenset({"redact", "block", "close"})
"""Actions that keep words from being heard as they were said."""


class Trace(NamedTuple):
    """One text in which a policy matched, or could not judge. `value` is the text where all of it matched.

    `stopped` says that the words did not cross as they were, or, where it was not `judged`, may not have done so. `kind` None is
    any text of the message.
    """

    policy: str
    kind: Kind | None
    stopped: bool
    response_id: str | None = None
    item_id: str | None = None
    value: str | None = None
    from_client: bool = False
    judged: bool = True


def trace_of(hit: Hit) -> Trace:
    """What a hit says of it."""
    stopped = hit.applied and (hit.action in STOPPING or bool(hit.detail))
    judged = bool(hit.path) or not hit.detail
    return Trace(hit.policy, hit.kind, stopped, hit.response_id, hit.item_id, from_client=hit.from_client, judged=judged)


def stops(policy: Policy) -> bool:
    """Whether words in which it matches do not cross as they are."""
    return policy.enforced and policy.action in STOPPING and policy.condition.looks_at_values
