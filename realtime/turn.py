"""One turn: what triggered it, what was said, what the model answered and called, how long it took and what it cost."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field
from datetime import UTC
from datetime import datetime
from typing import Any
from typing import Final
from typing import Literal

from realtime.audio import AudioFormat
from realtime.clocks import Clocks
from realtime.clocks import milliseconds
from realtime.cost import Cost
from realtime.errors import TurnError
from realtime.gates.delays import Held
from realtime.inputs import Input
from realtime.policies.marked import Marked
from realtime.policies.marked import Place
from realtime.requests import Request
from realtime.turntext import Answer
from realtime.turntext import Room
from realtime.usage import Usage

SUMMARY_LIMIT: Final = 1024
"""Characters of the input that stand in lists."""
MAX_TOOL_CALLS: Final = 128

Key = str | Input | Request | None
"""What an open turn is known by: response id, item of a transcription session, request that got no answer, or nothing."""
Trigger = Literal["client", "vad", "tool", "transcription"]
Status = Literal["open", "completed", "cancelled", "incomplete", "failed", "interrupted"]


@dataclass(slots=True, eq=False)
class ToolUse:
    """One call of the model and what the app answered; `result` is None until it did."""

    call_id: str
    name: str
    arguments: str
    arguments_chars: int
    called_at: float
    result: str | None = None
    result_chars: int = 0
    answered_at: float | None = None


@dataclass(slots=True, eq=False)
class Sound:
    """Audio that went one way: bytes of the format in force, and the seconds of formats that were in force before."""

    format: AudioFormat | None = None
    size: int = 0
    before: float = 0.0

    def switch(self, format_: AudioFormat) -> None:
        """Audio from here on is in another format."""
        if format_ != self.format:
            self.before = self.seconds
            self.size = 0
        self.format = format_

    @property
    def seconds(self) -> float:
        """Duration; audio whose format is unknown or has no fixed byte rate adds nothing."""
        return self.before + ((self.format.seconds(self.size) or 0.0) if self.format else 0.0)


@dataclass(slots=True, eq=False)
class Turn:
    """A turn, open or ended. `key` is what it is known by while it is open.

    `offset` turns the proxy's monotonic clock into Unix time. `cost` is set by whoever knows the prices.
    """

    session: str
    index: int
    key: Key
    trigger: Trigger
    opened_at: float
    offset: float
    limit: int
    room: Room
    answer: Answer
    model: str | None = None
    voice: str | None = None
    tools: tuple[str, ...] = ()
    status: Status = "open"
    reason: str | None = None
    error: TurnError | None = None
    inputs: list[Input] = field(default_factory=list)
    calls: dict[str, ToolUse] = field(default_factory=dict)
    usage: Usage | None = None
    cost: Cost | None = None
    clocks: Clocks = field(default_factory=Clocks)
    heard: Sound = field(default_factory=Sound)
    spoke: Sound = field(default_factory=Sound)
    interrupted: bool = False
    truncated_ms: int | None = None
    held: Held | None = None
    """How long its sound waited for its words."""
    out_of_band: bool = False
    playing: bool = False
    """True while the provider of a WebRTC call sends the sound of this answer, which may be after the answer is done."""
    paused: bool = False
    """True from a pause for tool results (`continues`) until output comes again."""

    @property
    def id(self) -> str | None:
        """The provider's response id, in transcription sessions the item id; None where there is none."""
        if isinstance(self.key, Input):
            return self.key.id
        return self.key if isinstance(self.key, str) else None

    @property
    def conversing(self) -> bool:
        """True for an answer within the conversation."""
        return not self.out_of_band and self.trigger != "transcription"

    def interrupt(self, at: float) -> None:
        """The user spoke up while this was being said."""
        self.interrupted = True
        self.clocks.barged_in = self.clocks.barged_in or at

    def bill(self, usage: Usage | None) -> None:
        """Add what the provider reported for this turn."""
        if usage is not None:
            self.usage = usage if self.usage is None else self.usage + usage

    @property
    def ended(self) -> bool:
        """True once the turn has its status; only its input, tool results, truncation and sound of a call may still be amended."""
        return self.status != "open"

    @property
    def unanswered(self) -> bool:
        """True while the app owes the result of a call."""
        return any(call.result is None for call in self.calls.values())

    @property
    def input(self) -> str:
        """The user's side: the words of its items, one item a line."""
        return "\n".join(text for item in self.inputs if (text := item.text))

    @property
    def transcription(self) -> Usage:
        """What the provider reported for transcribing the input, billed apart from the answer."""
        return sum((item.usage for item in self.inputs), Usage())

    def record(self, *, content: bool, marked: Marked | None = None) -> dict[str, Any]:
        """The record of the log. Times are ISO 8601 in UTC, latencies milliseconds, lengths characters.

        Without `content` no text, tool argument or tool result is in it, only names, lengths and counts. With it, texts share
        the byte limit of the turn in the order input, output, arguments, results; `cut` says that something did not fit.
        With `marked`, what policies found is blanked in them, and a transcript that is still coming is left for later.
        """
        made = self._facts()
        if content:
            made.update(self._texts(marked))
        return made

    def _facts(self) -> dict[str, Any]:
        transcription = self.transcription if self.trigger != "transcription" else Usage()
        return {
            "session": self.session,
            "index": self.index,
            "id": self.id,
            "trigger": self.trigger,
            "status": self.status,
            "reason": self.reason,
            "error": None if self.error is None else self.error.record(),
            "started_at": wall_time(self.opened_at, self.offset),
            "ended_at": wall_time(self.clocks.finished, self.offset),
            "model": self.model,
            "voice": self.voice,
            "tools": list(self.tools),
            "input_chars": sum(item.chars for item in self.inputs),
            "output_chars": self.answer.chars,
            "tool_calls": [_facts_of(call, self.opened_at) for call in self.calls.values()],
            "usage": None if self.usage is None else self.usage.record(),
            "transcription_usage": transcription.record() if transcription else None,
            "cost": None if self.cost is None else self.cost.record(),
            "clocks": self.clocks.record(),
            "moments": self.clocks.moments(self.opened_at),
            "audio": {"in_seconds": round(self.heard.seconds, 3), "out_seconds": round(self.spoke.seconds, 3)},
            "interrupted": self.interrupted,
            "truncated_ms": self.truncated_ms,
            "held": self.held and self.held.record(),
            "out_of_band": self.out_of_band,
            "cut": self._cut,
        }

    def _texts(self, marked: Marked | None) -> dict[str, Any]:
        room, cut = Room(self.limit), self._cut

        def kept(place: Place, text: str) -> str:
            return room.take(text if marked is None else marked.blanked(place, text, cut=cut))

        said = self.input if marked is None else marked.blanked("input", self._complete_input, cut=cut)
        made: dict[str, Any] = {"input": room.take(said), "summary": said[:SUMMARY_LIMIT], "output": kept("output", self.answer.text)}
        made["tool_calls"] = [
            {
                **_facts_of(call, self.opened_at),
                "arguments": kept("arguments", call.arguments),
                "result": None if call.result is None else kept("result", call.result),
            }
            for call in self.calls.values()
        ]
        if room.cut:
            made["cut"] = True
        return made

    @property
    def _cut(self) -> bool:
        """Whether some of its texts were too long."""
        return self.room.cut or any(item.room.cut for item in self.inputs)

    @property
    def _complete_input(self) -> str:
        """The input without transcripts of which more may come."""
        return "\n".join(text for item in self.inputs if (text := item.typed if item.awaited else item.text))


def _facts_of(call: ToolUse, opened: float) -> dict[str, Any]:
    return {
        "call_id": call.call_id,
        "name": call.name,
        "arguments_chars": call.arguments_chars,
        "result_chars": None if call.result is None else call.result_chars,
        "called_ms": milliseconds(call.called_at - opened),
        "result_ms": None if call.answered_at is None else milliseconds(call.answered_at - call.called_at),
    }


def wall_time(at: float | None, offset: float) -> str | None:
    """A monotonic moment as ISO 8601 in UTC with milliseconds; `offset` leads to Unix time."""
    if at is None:
        return None
    return datetime.fromtimestamp(at + offset, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
