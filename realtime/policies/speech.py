"""Whose spoken words policies may keep from crossing, so that their sound is not to be kept before they have spoken."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Final
from typing import Literal

from realtime.policies.policy import Policy
from realtime.policies.policy import PolicySet
from realtime.policies.trace import stops
from realtime.texts import Kind
from realtime.texts import server_types

Side = Literal["user", "model"]

SPOKEN: Final[dict[Kind, Side]] = {"user_transcript": "user", "model_transcript": "model", "model_text": "model"}
"""Whose words are those of a kind, where they may have been heard."""


@lru_cache(maxsize=64)
def guarded(policies: PolicySet, dialect: str) -> frozenset[Side]:
    """The sides of a session whose transcripts some enforced policy can redact or stop."""
    return frozenset(side for policy in policies.policies if stops(policy) for side in _sides(policy, dialect))


def _sides(policy: Policy, dialect: str) -> Iterator[Side]:
    condition = policy.condition
    if not any(condition.concerns(False, kind) for kind in server_types(dialect)):
        return
    if condition.looks_for_words:
        yield from (side for kind, side in SPOKEN.items() if condition.texts is None or kind in condition.texts)
    elif condition.regex is not None or condition.detect:
        yield from SPOKEN.values()
