"""What would be sent to whom, how long that takes, and what it may cost: said before anything is."""

from __future__ import annotations

from dataclasses import asdict
from dataclasses import dataclass
from typing import Any

from rich.text import Text

from cli.errors import Failure
from cli.output import out
from cli.plain import plain
from cli.recording import Recording
from cli.replaycall import is_call
from cli.replayscript import Script
from cli.replayscript import script_of
from cli.replayspelling import SPELLINGS
from cli.replaytarget import Target
from cli.replaytarget import estimate
from cli.replaytarget import target_of
from realtime.cost import Cost
from rules.model import Rules


@dataclass(frozen=True, slots=True)
class Plan:
    """One replay. `cost` is what the recorded usage would cost there, None where no usage is on record."""

    session: str
    target: Target
    script: Script
    cost: Cost | None
    notes: list[str]

    @classmethod
    def of(cls, rules: Rules, recording: Recording, model: str, key: str | None, *, silence: bool) -> Plan:
        """Raises Failure VT105, VT112, VT110; OSError."""
        record = recording.record
        if (record.get("call") or {}).get("mode") == "sideband":
            raise Failure("VT105", f"{recording.id} looked on at a call: what was said there is not in it", "replay the call's own session")
        target = target_of(rules, model, record, recording.dialect, key)
        script = script_of(recording, SPELLINGS[recording.dialect])
        _check(recording, script, silence=silence)
        return cls(recording.id, target, script, estimate(rules, target, record), _notes(recording, script))

    @property
    def priced(self) -> str:
        """The estimate in words."""
        if not self.target.bills:
            return "nothing: a simulator bills nothing"
        if self.cost is None:
            return "not known: no usage is on record"
        if self.cost.usd is None:
            return f"not known: no price of {self.target.model} is (docs/prices.md)"
        missing = "" if self.cost.priced else ", and more: some of it has no price"
        return f"about ${self.cost.usd:.4f} for the usage on record{missing} ({self.cost.source})"

    def told(self, pace: float) -> dict[str, Any]:
        """For programs."""
        seconds = round(self.script.seconds * pace, 3)
        cost = self.cost.record() if self.cost is not None else None
        return {
            "replays": self.session,
            "target": asdict(self.target) | {"billable": self.target.bills},
            "messages": len(self.script.steps),
            "seconds": seconds,
            "cost": cost,
            "notes": self.notes,
        }

    def show(self, pace: float) -> None:
        """For people."""
        long = f"{self.script.seconds * pace:.0f} s and what the provider takes" if pace else "as long as the provider takes"
        rows = {
            "replays": f"{self.session}, {len(self.script.steps)} messages of its client",
            "to": f"{self.target.provider}/{self.target.model}",
            "takes": long,
            "costs": self.priced,
        }
        for name, words in rows.items():
            out().print(Text.assemble((f"{name:>9}  ", "bold"), plain(words, 400)), soft_wrap=True)
        for note in self.notes:
            out().print(Text.assemble((f"{'note':>9}  ", "dim"), plain(note, 400)), soft_wrap=True)


def _check(recording: Recording, script: Script, *, silence: bool) -> None:
    """Raises Failure VT110 where nothing was said, VT112 where there is no sound to send."""
    if not script.steps:
        raise Failure("VT110", f"session {recording.id}: nothing that its client said is on record")
    lost = (script.sounds["silent"] or is_call(recording)) and not (script.sounds["kept"] or script.sounds["recorded"])
    if lost and not silence:
        raise Failure(
            "VT112",
            f"{recording.id}: the sound of its user was not kept",
            "send silence in its place with --silence; log.frames: all, or log.audio: wav, keep the sound of later sessions",
        )


def _notes(recording: Recording, script: Script) -> list[str]:
    made = recording.notes()
    if is_call(recording):
        made.append("a call: its sound goes into the messages, and what clients say on calls alone is left out")
    counted = {
        "{} messages were masked when they were recorded, and are sent so": script.masked,
        "{} messages that a policy stopped are left out": script.stopped,
        "{} messages that the proxy, a script or an operator said in the client's name are left out": script.added,
    }
    return made + [words.format(count) for words, count in counted.items() if count]
