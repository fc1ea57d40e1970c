"""The inline tests of policies, judged by the same engine that judges traffic."""

from __future__ import annotations

import json

from realtime.frame import Frame
from realtime.policies import Judge
from realtime.policies import PolicySet
from rules.policy import Lists
from rules.policy import Policy
from rules.policy import PolicyTest


def rehearse(policy: Policy, test: PolicyTest, lists: Lists) -> str:
    """What `policy` alone does with the messages of `test`: its action, or `none`."""
    from_client = (test.from_ or policy.when.from_) != "server"
    judge = Judge(PolicySet([policy.compiled(lists)]), test.dialect)
    found = [judge.judge(Frame(from_client, json.dumps(event).encode()), 0.0).hits for event in test.event]
    return policy.action if any(found) or judge.flush(0.0).hits else "none"
