"""`explain --event`: a recorded message before the policies of today, each with all its tests and what they saw."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.text import Text

from cli.output import out
from cli.plain import plain
from cli.rejudging import explain_event
from cli.rejudging import recorded
from cli.rejudging import with_content
from realtime.policies.explaining import Explained
from realtime.policies.explaining import Explanation
from rules.model import Rules
from rules.policy import compiled
from rules.words import word_lists
from store.frames import Event
from store.frames import row


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

    def show(self) -> None:
        """For people."""
        event = self.event
        side = "client" if event.from_ == "client" else "server"
        out().print()
        out().print(Text.assemble(("message ", "bold"), f"{event.n}, from the {side}: {plain(event.type) or event.opcode}"), soft_wrap=True)
        if self.explanation is None:
            out().print(f"  {_not_judged(event)}", style="dim", markup=False)
            return
        for policy in self.explanation.policies:
            for line in _policy(policy):
                out().print(line, soft_wrap=True)
        out().print(Text.assemble(("result ", "bold"), self.result or ""))


def explain_message(data: Path, session: str, number: int, rules: Rules) -> Message:
    """Raises Failure VT103, VT105, VT110."""
    record, frames = recorded(data, session)
    with_content(record, frames)
    policies = compiled(rules.policies, word_lists(rules.words), rules.on_error)
    return Message(*explain_event(frames, number, policies, record["dialect"]))


def _policy(policy: Explained) -> Iterator[Text]:
    watched = " (watched)" if policy.mode == "monitor" else ""
    said = ("  matches", "bold green") if policy.matched else ("  does not match", "dim")
    yield Text.assemble(
        ("policy ", "bold"), f"{plain(policy.policy)}: {policy.action}{watched}", said, f"  {policy.why}" if policy.why else ""
    )
    for step in policy.steps:
        mark = ("  ✓ ", "green") if step.passed else ("  ✗ ", "red")
        yield Text.assemble(mark, f"{step.test} {plain(step.wanted, 120)}, saw {plain(step.seen, 400)}")


def _not_judged(event: Event) -> str:
    if event.outcome == "told":
        return "the proxy's own word, which no policy is asked about"
    if event.was is not None and event.was.type != event.type:
        return f"the proxy said this in the place of {plain(event.was.type)}, which was not kept"
    return "what was in it was not kept"
