"""Messages as they may be kept: whatever any policy finds in their words is blanked, whether or not it crossed.

The words of a text that comes in pieces stand in its last message alone, where they are looked at whole.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from realtime.frame import Frame
from realtime.policies.judge import Judge
from realtime.policies.judge import Limits
from realtime.policies.passage import Window
from realtime.policies.policy import Policy
from realtime.policies.policy import PolicySet

_WHOLE: Final = Limits(window=Window(characters=1 << 30, seconds=float("inf")))
"""No piece of a text is let go before its end."""


def masks(policies: PolicySet) -> PolicySet | None:
    """What blanks the findings of these policies; None where there is nothing to blank."""
    made = [_mask(policy) for policy in policies.policies]
    return PolicySet(made) if any(policy.redacts for policy in made) else None


def _mask(policy: Policy) -> Policy:
    """A policy that allows goes on keeping those after it from having a say."""
    if policy.action == "allow":
        return policy
    return replace(policy, action="redact", mode="enforce", on_error="block")


class Masker:
    """One for each session, shown every message that crossed, in order. `policies` are those of `masks`, and may be replaced."""

    def __init__(self, policies: PolicySet, dialect: str) -> None:
        self._judge = Judge(policies, dialect, _WHOLE)

    def use(self, policies: PolicySet) -> None:
        """From now on."""
        self._judge.policies = policies

    def masked(self, frame: Frame) -> bytes | None:
        """The payload as it may be kept; None where nothing of it may, because it cannot be read with certainty."""
        verdict = self._judge.judge(frame, frame.at).verdict
        if verdict is None or verdict.action == "pass":
            return frame.payload
        return verdict.payload if verdict.action == "replace" and not verdict.reply else None
