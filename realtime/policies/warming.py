"""What is compiled at its first use is used once beforehand, so that it does not use up the time of a session's message."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from realtime.conditions import Condition
from realtime.frame import Frame
from realtime.policies.judge import Judge
from realtime.policies.policy import PolicySet

_SAMPLE: Final = b'{"type":"conversation.item.create","item":{"content":[{"type":"input_text","text":"four one +1 2 a@b 1.1"}]}}'


def warm(policies: PolicySet) -> None:
    """Ask every pattern and detector once."""
    asked = [
        replace(policy, mode="monitor", condition=Condition(regex=policy.condition.regex, detect=policy.condition.detect))
        for policy in policies.policies
        if policy.condition.regex is not None or policy.condition.detect
    ]
    Judge(PolicySet(asked), "openai").judge(Frame(True, _SAMPLE), 0.0)
