"""A recorded message before the policies of today, each with all its tests and what they saw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from dataclasses import dataclass
from typing import Any

from realtime.policies.explaining import Explanation
from rules.model import Rules
from rules.policy import compiled
from rules.words import word_lists
from store.framereader import Frames
from store.frames import Event
from store.frames import row
from store.rejudging import explain_event


@dataclass(frozen=True, slots=True)
class Message:
    """A recorded message and what the policies make of it, `result`; `explanation` None where they are not asked."""

    event: Event
    explanation: Explanation | None
    result: str | None

    def report(self) -> dict[str, Any]:
        """For programs; what was said is left out."""
        found = self.explanation
        return {
            **{name: value for name, value in row(self.event).items() if name not in ("payload", "data")},
            "judged": found is not None,
            "result": self.result,
            "policies": [asdict(policy) for policy in found.policies] if found is not None else [],
        }

    @property
    def not_judged(self) -> str:
        """Why policies are not asked about it; "" where they are."""
        event = self.event
        if self.explanation is not None:
            return ""
        if event.outcome == "told":
            return "the proxy's own word, which no policy is asked about"
        if event.was is not None and event.was.type != event.type:
            return f"the proxy said this in the place of {event.was.type}, which was not kept"
        return "what was in it was not kept"


def explained(frames: Frames, session: Mapping[str, Any], number: int, rules: Rules) -> Message:
    """The message of a session with a number. Raises NoSuchMessage."""
    policies = compiled(rules.policies, word_lists(rules.words), rules.on_error)
    return Message(*explain_event(frames, number, policies, session["dialect"]))
