"""`explain --event`: a recorded message before the policies of today, each with all its tests and what they saw."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rich.text import Text

from cli.errors import Failure
from cli.messages import recorded
from cli.messages import with_content
from cli.output import out
from cli.plain import plain
from realtime.policies.explaining import Explained
from rules.model import Rules
from store.explaining import Message
from store.explaining import explained
from store.rejudging import NoSuchMessage


def explain_message(data: Path, session: str, number: int, rules: Rules) -> Message:
    """Raises Failure VT103, VT105, VT110."""
    record, frames = recorded(data, session)
    with_content(record, frames)
    try:
        return explained(frames, record, number, rules)
    except NoSuchMessage as error:
        raise Failure("VT105", str(error), f"there are {error.count}; ./run.sh events lists them") from None


def show_message(message: Message) -> None:
    """For people."""
    event = message.event
    side = "client" if event.from_ == "client" else "server"
    out().print()
    out().print(Text.assemble(("message ", "bold"), f"{event.n}, from the {side}: {plain(event.type) or event.opcode}"), soft_wrap=True)
    if message.explanation is None:
        out().print(f"  {plain(message.not_judged)}", style="dim", markup=False)
        return
    for policy in message.explanation.policies:
        for line in _policy(policy):
            out().print(line, soft_wrap=True)
    out().print(Text.assemble(("result ", "bold"), message.result or ""))


def _policy(policy: Explained) -> Iterator[Text]:
    watched = " (watched)" if policy.mode == "monitor" else ""
    said = ("  matches", "bold green") if policy.matched else ("  does not match", "dim")
    yield Text.assemble(
        ("policy ", "bold"), f"{plain(policy.policy)}: {policy.action}{watched}", said, f"  {policy.why}" if policy.why else ""
    )
    for step in policy.steps:
        mark = ("  ✓ ", "green") if step.passed else ("  ✗ ", "red")
        yield Text.assemble(mark, f"{step.test} {plain(step.wanted, 120)}, saw {plain(step.seen, 400)}")
