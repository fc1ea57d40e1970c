"""What a hint says."""

from __future__ import annotations

from typing import Literal
from typing import NamedTuple


class Hint(NamedTuple):
    """Something that a developer wants to know: a stable code, what was seen, and what to do about it, each in one sentence."""

    code: str
    reason: str
    advice: str
    severity: Literal["info", "low"] = "low"
    path: tuple[str, ...] = ()
    """Where in the message, where it is one field."""
