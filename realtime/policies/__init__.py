"""Policies applied to messages: compiled, judged, redacted in place, also where words come in pieces."""

from realtime.policies.hit import Hit
from realtime.policies.judge import Judge
from realtime.policies.judge import Judgement
from realtime.policies.judge import Limits
from realtime.policies.judge import Released
from realtime.policies.passage import Window
from realtime.policies.policy import Policy
from realtime.policies.policy import PolicySet
from realtime.policies.warming import warm

__all__ = ["Hit", "Judge", "Judgement", "Limits", "Policy", "PolicySet", "Released", "Window", "warm"]
