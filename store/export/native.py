"""What a finding is: its fields and the words in them. `docs/findings.md` describes each."""

from __future__ import annotations

from typing import Final
from typing import Literal

from store.lines import Row

Kind = Literal["policy", "gate", "budget", "revocation", "refusal", "limit", "leak", "change", "hint", "breakpoint"]
Severity = Literal["info", "low", "medium", "high", "critical"]
Mode = Literal["enforce", "monitor"]
Action = Literal[
    "allow",
    "redact",
    "block",
    "close",
    "tag",
    "alert",
    "hold",
    "release",
    "cancel",
    "warn",
    "refuse",
    "kill",
    "blank",
    "count",
    "edit",
    "drop",
    "inject",
]
"""Those of a policy, then what else the proxy does."""

FIELDS: Final = (
    *("id", "at", "kind", "severity", "action", "mode", "policy"),
    *("principal", "route", "provider", "model", "session", "turn"),
    *("direction", "event_type", "path", "excerpt", "detail"),
)
"""The fields of every finding, in the order in which they are written. None where there is nothing to say; `detail` is an object."""


def native(finding: Row) -> Row:
    """The finding as the log has it, all its fields in order."""
    return {name: finding.get(name) for name in FIELDS}
