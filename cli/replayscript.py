"""What a client said in a recorded session, message by message, and how far the session had come when it said each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from typing import Any
from typing import Final

from cli.recording import Message
from cli.recording import Recording
from cli.replaycall import messages_of
from cli.replayids import Ids
from cli.replayprogress import Landmark
from cli.replayprogress import Progress
from cli.replayspelling import Spelling
from realtime.frame import Frame
from realtime.signals import AudioIn
from realtime.signals import InputCommitted
from realtime.signals import ResponseRequested
from realtime.signals import Signal
from realtime.signals import ToolResult
from realtime.signals import UserItem

OWN: Final = 0
"""The number of a message that is not in the recording."""
END: Final = 1 << 62
"""The number of the end."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a session has come: whether the provider has said anything, and answers known of, begun and over."""

    greeted: bool = False
    started: int = 0
    began: int = 0
    ended: int = 0
    transcripts: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """A message of the client, by its number in the recording. `at` is in seconds since the session began.

    `settled` says that nothing more was to come of the provider, and that this is the place to see to it. What it may answer to is
    `after`; it came `lead` seconds later, and `gap` seconds after the client's message before it, `first` after which of both.
    """

    n: int
    at: float
    type: str
    standing: Standing
    settled: bool
    sound: bool = False
    config: bool = False
    asks: bool = False
    speaks: bool = False
    results: tuple[str, ...] = ()
    after: Landmark | None = None
    lead: float = 0.0
    gap: float = 0.0


@dataclass(slots=True)
class Script:
    """All of them, in order. `ids` are those that the provider gave; `calls` the names of its calls by their ids."""

    steps: list[Step] = field(default_factory=list)
    ids: Ids = field(default_factory=Ids)
    calls: dict[str, str] = field(default_factory=dict)
    end: Step = field(default_factory=lambda: Step(END, 0.0, "", Standing(), settled=False))
    sounds: Counter[str] = field(default_factory=Counter)
    """Messages with sound, by where that comes from."""
    opened: Mapping[str, Any] = field(default_factory=dict)
    """What the session was opened with, as the provider first told it: of one that a client secret configured nothing else does."""
    beta: bool = False
    """Whether the client wrote OpenAI's beta names."""
    masked: int = 0
    stopped: int = 0
    added: int = 0
    """Messages of the client that were masked when they were kept, that a policy stopped, that somebody else said in its name."""

    @property
    def seconds(self) -> float:
        """From the first message to the last."""
        return self.steps[-1].at - self.steps[0].at if self.steps else 0.0

    @property
    def unanswered(self) -> Counter[str]:
        """Calls by name of which the app never told a result."""
        told = {call for step in self.steps for call in step.results}
        return Counter(name for call, name in self.calls.items() if call not in told)


def said_by_app(message: Message) -> bool:
    """Whether the app said it and the provider got it, also where it was changed on its way."""
    return message.from_client and message.event.outcome in ("passed", "changed") and message.payload is not None


def script_of(recording: Recording, spelling: Spelling) -> Script:
    """Read a recording once. Raises OSError."""
    made, progress = Script(), Progress(recording.dialect)
    answered, before = 0, 0.0
    replies = {reply for reply, _ in spelling.automatic.values()}
    for message in messages_of(recording, spelling):
        event = message.event
        _count(made, message)
        if message.payload is None or event.outcome in ("dropped", "told"):
            continue
        frame = Frame(message.from_client, message.payload, text=message.text, at=event.at / 1e6)
        standing, idle = _standing(progress), not progress.busy
        mark = progress.landmark(frame.at)
        signals = progress.take(frame)
        if not message.from_client:
            made.ids.recorded(frame.event or {}, progress.started)
            made.opened = made.opened or _opened(frame)
        elif said_by_app(message) and frame.type not in replies:
            settled = idle and (progress.ended > answered or not _is_sound(signals))
            answered = progress.ended if settled else answered
            step = _step(frame, event.n, standing, signals, settled=settled, spelling=spelling)
            made.steps.append(_timed(step, mark, before))
            before = frame.at
            made.ids.own(frame.event or {} if not step.sound else {})
            made.beta = made.beta or (step.config and _is_flat(frame))
    made.calls = {call.call_id: call.name for call in progress.calls}
    made.end = Step(END, before, "", _standing(progress), settled=not progress.busy)
    return made


def payloads(recording: Recording, script: Script, spelling: Spelling) -> Iterator[tuple[Step, bytes, bool]]:
    """Each step with its message, whole, and whether that is text; read again, so that a long session needs no more memory."""
    steps = iter(script.steps)
    step = next(steps, None)
    for message in messages_of(recording, spelling):
        if step is not None and message.event.n == step.n and message.payload is not None:
            yield step, message.payload, message.text
            step = next(steps, None)


def _opened(frame: Frame) -> Mapping[str, Any]:
    """Of OpenAI's GA protocol alone."""
    session = (frame.event or {}).get("session") if frame.type == "session.created" else None
    return session if isinstance(session, dict) and isinstance(session.get("type"), str) else {}


def _count(made: Script, message: Message) -> None:
    event = message.event
    if not message.from_client:
        return
    made.stopped += event.outcome == "dropped"
    made.added += event.outcome == "added"
    if said_by_app(message):
        made.masked += event.masked
        if message.sound != "none":
            made.sounds[message.sound] += 1


def _standing(progress: Progress) -> Standing:
    return Standing(progress.greeted, progress.started, progress.began, progress.ended, progress.transcripts)


def _is_sound(signals: tuple[Signal, ...]) -> bool:
    return bool(signals) and all(isinstance(signal, AudioIn) for signal in signals)


def _step(frame: Frame, n: int, standing: Standing, signals: tuple[Signal, ...], *, settled: bool, spelling: Spelling) -> Step:
    sound = _is_sound(signals)
    return Step(
        n,
        frame.at,
        frame.type,
        standing,
        settled,
        sound=sound,
        config=not sound and spelling.is_config(frame.event or {}),
        asks=any(isinstance(signal, ResponseRequested) and not signal.out_of_band for signal in signals),
        speaks=any(isinstance(signal, UserItem | InputCommitted) for signal in signals),
        results=tuple(signal.call_id for signal in signals if isinstance(signal, ToolResult)),
    )


def _timed(step: Step, mark: tuple[Landmark, float] | None, before: float) -> Step:
    gap = step.at - before
    if mark is None or mark[1] < before:
        return replace(step, gap=gap)
    return replace(step, gap=gap, after=mark[0], lead=step.at - mark[1])


def _is_flat(frame: Frame) -> bool:
    """Whether a configuration is in the beta's way: settings beside each other instead of below `audio`, and no `type`."""
    session = (frame.event or {}).get("session")
    return isinstance(session, dict) and bool(session) and "type" not in session and "audio" not in session
