"""Policies applied to messages: compiled, judged, redacted in place, also where words come in pieces."""

from realtime.policies.hit import Hit
from realtime.policies.judge import PASSES
from realtime.policies.judge import Judge
from realtime.policies.judge import Judgement
from realtime.policies.judge import Limits
from realtime.policies.judge import Released
from realtime.policies.passage import Window
from realtime.policies.policy import Policy
from realtime.policies.policy import PolicySet
from realtime.policies.trace import Trace
from realtime.policies.trace import trace_of
from realtime.policies.warming import warm

__all__ = ["PASSES", "Hit", "Judge", "Judgement", "Limits", "Policy", "PolicySet", "Released", "Trace", "Window", "trace_of", "warm"]
