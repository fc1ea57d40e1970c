"""A recorded client's side held with another provider: what each message has to wait for, and what it has to say there.

Conversations differ: answers are longer, tools are called that were not, ids are others. Here is decided what follows from that; nothing
is sent and no clock is read.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Final

from cli.replayedits import Edits
from cli.replayids import with_calls
from cli.replayprogress import Progress
from cli.replayscript import Script
from cli.replayscript import Step
from cli.replayspelling import Event
from cli.replayspelling import Spelling
from cli.replayspelling import encoded
from realtime.frame import Frame
from realtime.signals import Signal
from realtime.signals import ToolCall

NO_RESULT: Final = "no recorded result"
MOST_ROUNDS: Final = 8
"""Answers in a row that call tools without a recorded result, after which a call stays unanswered."""


class Course:
    """One replay. `live` is how far it has come; `notes` count what was done otherwise than recorded."""

    def __init__(self, script: Script, dialect: str, spelling: Spelling, edits: Edits, *, baked: bool = False) -> None:
        self.live = Progress(dialect)
        self.notes: Counter[str] = Counter()
        self._script = script
        self._spelling = spelling
        self._edits = edits
        self._baked = baked
        """Whether the recorded session was configured by a client secret."""
        self._shift = 0
        """How many answers more there were than in the recording so far."""
        self._calls: dict[str, str] = {}
        """Recorded calls, by the calls that they stand for now."""
        self._left: set[str] = set()
        """Calls of now that get no recorded result: answered with an error, or as in the recording not at all."""
        self._unanswered = script.unanswered
        self._results = [(step, call) for step in script.steps for call in step.results]
        self._given_up: set[int] = set()
        """Messages for which it was waited long enough."""
        self._rounds = 0
        self._skipped = self._given = 0
        """Inputs since the client last asked for an answer, skipped and sent."""

    def opening(self) -> tuple[Step, bytes] | None:
        """A configuration to begin with: what stood elsewhere, or what is to be set where the recording has none."""
        told = self._script.opened if self._baked else {}
        baked = {name: value for name, value in told.items() if name in _SETTABLE and value is not None}
        if not baked and any(step.config for step in self._script.steps):
            return None
        greeted = bool(self._script.steps) and self._script.steps[0].standing.greeted
        return self._edits.opening(self._spelling, baked, greeted=greeted)

    def heard(self, frame: Frame) -> tuple[tuple[Signal, ...], list[bytes]]:
        """A message of the provider: its signals, and what the app answers at once."""
        signals, event = self.live.take(frame), frame.event or {}
        self._script.ids.live(event, self.live.started - self._shift)
        answer = self._spelling.automatic.get(frame.type)
        return signals, [encoded(answer[1](event))] if answer else []

    def sent(self, frame: Frame) -> None:
        """A message was sent."""
        self.live.take(frame)

    def waits(self, step: Step) -> str | None:
        """What a message has to wait for, in words; None for nothing."""
        need, live = step.standing, self.live
        if need.greeted and not live.greeted:
            return "the provider's first message"
        for name, said in _COUNTED:
            if getattr(live, name) < getattr(need, name) + self._shift:
                return said
        self._match(step)
        if live.busy and (step.settled or any(not self._matched(call) for call in step.results)):
            return "the end of an answer" if live.open else "an answer"
        if step.n in self._given_up:
            return None
        if step.results and not self._spelling.answers and not any(map(self._matched, step.results)):
            return "a call of a tool"
        if step is not self._script.end:
            return None
        return (
            "what the user was heard to say"
            if live.transcripts < need.transcripts + min(0, self._shift)
            else "an answer"
            if live.outside
            else None
        )

    def go_on(self, step: Step) -> None:
        """What a message waits for does not come: count as if it had."""
        self.notes[f"went on without {self.waits(step)}"] += 1
        self._given_up.add(step.n)
        need, live = step.standing, self.live
        self._shift = min(live.started - need.started, live.began - need.began, live.ended - need.ended)

    def owed(self, step: Step) -> Iterator[bytes]:
        """Errors in the place of results that the recording does not have, before a message for which that is the time."""
        live = self.live
        if live.busy or (step.sound and not step.settled) or self._spelling.result is None:
            return
        self._match(step)
        calls = [call for call in live.calls if call.call_id not in self._left and call.call_id not in self._calls]
        if not calls:
            return
        self._rounds += 1
        for call in calls:
            self._left.add(call.call_id)
            if self._rounds <= MOST_ROUNDS:
                yield self._error(call)
            else:
                self.notes[f"left {call.name} without a result: tools are called on and on"] += 1
        if self._spelling.request is not None and self._rounds <= MOST_ROUNDS and not step.asks:
            yield encoded(self._spelling.request)

    def made(self, step: Step, payload: bytes) -> bytes | None:
        """The message as it is to be sent now; None where it has no place."""
        if step.settled:
            self._shift = self.live.ended - step.standing.ended
        if not step.sound:
            self._rounds = 0 if step.speaks else self._rounds
        if step.results and not self._answers(step):
            return None
        if step.asks and self._skipped and not self._given:
            self._skipped, self._shift = 0, self._shift - 1
            self.notes["request for an answer to results that had no place is not sent"] += 1
            return None
        self._given = 0 if step.asks else self._given + bool(step.speaks or step.results)
        self._skipped = 0 if step.asks else self._skipped
        return payload if step.sound else self._rewritten(step, payload)

    def silence(self, milliseconds: int) -> bytes | None:
        """What an open microphone would send now; None where it would make no difference, or is not known."""
        live = self.live
        if live.manual or not live.listened or live.busy:
            return None
        return self._spelling.silence(live.formats[0], milliseconds)

    def is_told(self, step: Step) -> bool:
        """Whether it means something that the provider keeps silent: it would say that it hears somebody, or call a tool."""
        return self._spelling.tells_speech or not self.live.listened or bool(step.results and not self._spelling.answers)

    # -- calls of tools ---------------------------------------------------------------------------------------------------------

    def _matched(self, recorded: str) -> bool:
        return recorded in self._calls.values()

    def _match(self, step: Step) -> None:
        """Give each call the result of the recorded call of its name that comes next, where one comes soon."""
        near = [call for at, call in self._results if at.n >= step.n and at.standing.ended <= step.standing.ended + 1]
        for call in self.live.calls:
            if call.call_id in self._calls or call.call_id in self._left:
                continue
            found = next((one for one in near if self._script.calls.get(one) == call.name and not self._matched(one)), None)
            if found is not None:
                self._calls[call.call_id] = found
            elif self._unanswered[call.name] > 0:
                self._unanswered[call.name] -= 1
                self._left.add(call.call_id)

    def _answers(self, step: Step) -> bool:
        """Whether any result of this message has a call now."""
        missing = [call for call in step.results if not self._matched(call)]
        for call in missing:
            self.notes[f"result of {self._script.calls.get(call, 'a tool')} is not sent: it was not called"] += 1
        if len(missing) < len(step.results):
            return True
        self._skipped += 1
        if self._spelling.resumes:
            self._shift -= 1
        return False

    def _error(self, call: ToolCall) -> bytes:
        assert self._spelling.result is not None
        self.notes[f"{call.name} was called: {NO_RESULT}, so that it got an error"] += 1
        return encoded(self._spelling.result(call, json.dumps({"error": NO_RESULT})))

    # -- what a message says ------------------------------------------------------------------------------------------------------

    def _rewritten(self, step: Step, payload: bytes) -> bytes | None:
        event = Frame(True, payload).event
        if event is None:
            return payload
        made: Event | None = self._with_ids(step, event)
        if made is not None and step.type == "response.cancel":
            made = self._cancel(made)
        elif made is not None and step.type == "conversation.item.truncate":
            made = self._truncate(made)
        if made is None:
            return None
        made = self._edits.made(made, step)
        if step.asks and self._spelling.request is not None:
            made.setdefault("event_id", f"replay_{step.n}")
        return payload if made == event else encoded(made)

    def _with_ids(self, step: Step, event: Event) -> Event | None:
        """With ids of now. None where the message is about something that is not there."""
        missing: list[str] = []
        made: Event = self._script.ids.rewritten(event, missing)
        now = {recorded: call for call, recorded in self._calls.items()}
        made = with_calls(made, {call: now.get(call) for call in step.results})
        if any(name in ("id", "item_id") for name in missing) and step.type != "conversation.item.truncate":
            self.notes[f"{step.type} is not sent: what it is about is not there"] += 1
            return None
        return made

    def _cancel(self, event: Event) -> Event | None:
        if self.live.open:
            return event
        self.notes["response.cancel is not sent: no answer was under way"] += 1
        return None

    def _truncate(self, event: Event) -> Event | None:
        """Of the answer that was heard last, and not after its end."""
        item = event.get("item_id")
        if item not in self.live.sounds:
            item = self.live.items[-1] if self.live.items else None
        if item is None:
            self.notes["conversation.item.truncate is not sent: nothing was to be heard"] += 1
            return None
        most = int(self.live.sounds[item] * 1000)
        wanted = event.get("audio_end_ms")
        return event | {"item_id": item, "audio_end_ms": min(wanted, most) if isinstance(wanted, int) else most}


_COUNTED: Final = (("started", "an answer"), ("began", "the beginning of an answer"), ("ended", "the end of an answer"))
_SETTABLE: Final = frozenset(
    ("type", "instructions", "tools", "tool_choice", "output_modalities", "audio", "max_output_tokens", "truncation", "include", "prompt")
)
"""What of a session that a provider tells can be asked for."""
