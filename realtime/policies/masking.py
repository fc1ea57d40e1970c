"""Messages as they may be kept: whatever any policy finds in their words is blanked, whether or not it crossed.

Of a text that comes in pieces, the pieces are kept without their words where a policy reads them: a value may begin in one and
end in the next. The message that carries the text as a whole has them.
"""

from __future__ import annotations

from dataclasses import replace

from realtime.frame import Frame
from realtime.jsonedit import Edit
from realtime.jsonedit import edited
from realtime.policies.judge import Judge
from realtime.policies.policy import Policy
from realtime.policies.policy import PolicySet
from realtime.policies.streams import watches
from realtime.texts import texts


def masks(policies: PolicySet) -> PolicySet | None:
    """What blanks the findings of these policies; None where there is nothing to blank."""
    made = [_mask(policy) for policy in policies.policies]
    return PolicySet(made) if any(policy.redacts for policy in made) else None


def redactions(policies: PolicySet) -> PolicySet | None:
    """What redacts as these policies do, for messages that were stopped before they were redacted; None where none of them redacts."""
    made = [replace(policy, on_error="block") for policy in policies.policies if policy.redacts]
    return PolicySet(made) if made else None


def _mask(policy: Policy) -> Policy:
    """A policy that allows goes on keeping those after it from having a say."""
    if policy.action == "allow":
        return policy
    return replace(policy, action="redact", mode="enforce", on_error="block")


class Masker:
    """One for each session, shown every message that crossed, in order. `policies` are those of `masks`, and may be replaced."""

    def __init__(self, policies: PolicySet, dialect: str) -> None:
        self._dialect = dialect
        self._judge = Judge(policies, dialect)

    def use(self, policies: PolicySet) -> None:
        """From now on."""
        self._judge.policies = policies

    def masked(self, frame: Frame) -> bytes | None:
        """The payload as it may be kept; None where nothing of it may, because it cannot be read with certainty."""
        payload = self._without_pieces(frame)
        shown = frame if payload is frame.payload else Frame(frame.from_client, payload, text=frame.text, at=frame.at)
        judged = self._judge.judge(shown, shown.at)
        if any(hit.detail for hit in judged.hits):
            return None
        return judged.verdict.payload if judged.verdict is not None and judged.verdict.action == "replace" else payload

    def _without_pieces(self, frame: Frame) -> bytes:
        watching = [policy for policy in self._judge.policies.of(frame.from_client, frame.type) if policy.redacts]
        pieces = [
            text
            for text in (texts(self._dialect, frame) if watching else ())
            if text.part in ("delta", "draft")
            and (stream := text.stream) is not None
            and any(watches(policy, stream) for policy in watching)
        ]
        return edited(frame.payload, [Edit(text.keys, "") for text in pieces]) if pieces else frame.payload
