"""What is compiled at its first use is used once beforehand, so that it does not use up the time of a session's message."""

from __future__ import annotations

from typing import Final

from realtime.policies.hit import excerpt
from realtime.policies.policy import PolicySet
from realtime.policies.view import Scan

_SAMPLE: Final = (
    "Yes, four one +1 2 to ana.lima@example.com, ana dot lima at example dot com, "
    "10.1.1.1, DE89 3704 0044 0532 0130 00, 4111 1111 1111 1111"
)
"""Something for every stage of a pattern: one that gets no further than its first letters leaves the rest to be made later."""


def warm(policies: PolicySet) -> None:
    """Ask every pattern and detector once, and what rules them out."""
    scan = Scan()
    for condition in (policy.condition for policy in policies.policies):
        if condition.regex is not None:
            scan.search(condition.regex, _SAMPLE)
        for detector in condition.detectors:
            scan.detect(detector, _SAMPLE)
    if policies.policies:
        policies.sieve.left(_SAMPLE)
        excerpt(_SAMPLE, ())
