"""One connection of a replay without its socket: the server's lines, each once the app has said what came before it.

Nothing depends on chance: the same script and the same messages of an app make the same lines. Times are seconds of one clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import Any
from typing import Final

from cli.playlines import AppLine
from cli.playlines import Script
from cli.playlines import ServerLine
from cli.playmatch import Matcher
from cli.playscore import Other
from cli.playscore import Score
from cli.playscript import is_sound
from cli.playscript import read_event
from cli.playscript import sizes
from realtime import dialects
from realtime.frame import Frame
from realtime.jsonpath import Path
from realtime.texts import SOUND

_AHEAD: Final = 64
"""Lines of the app among which a message is looked for."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How a session is played: delays times `pace`, whether anything else than what was recorded is refused, what is not compared.

    `patience` is how many seconds of silence pass before what the app left out is given up.
    """

    pace: float = 1.0
    strict: bool = False
    ignored: tuple[Path, ...] = ()
    patience: float = 3.0


@dataclass(frozen=True, slots=True)
class Say:
    """Send this now."""

    text: bool
    payload: bytes


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing is to be done before this moment, or before the app says something; None: only then."""

    until: float | None


@dataclass(frozen=True, slots=True)
class End:
    """All was said. Close with this; None: the app closes."""

    close: tuple[int, str] | None


class Player:
    """Plays a script to one app. `score` says how the app did its part."""

    def __init__(self, script: Script, manner: Manner, now: float) -> None:
        self.score = Score()
        self._script = script
        self._manner = manner
        self._matcher = Matcher(script.theirs, manner.ignored)
        self._reader = dialects.make(script.dialect)
        self._lines = script.lines
        self._place = 0
        self._open = {line.number: line for line in script.lines if isinstance(line, AppLine)}
        """What the app has still to say, in order."""
        self._met: dict[int, float] = {}
        self._newest = 0
        self._gates = [line for line in script.lines if isinstance(line, ServerLine) and line.heard]
        self._gate = 0
        self._reached: dict[int, float] = {}
        """When as much sound had come as a line answers."""
        self._heard_before = 0
        """What had been heard when the last answer began."""
        self._sounded = self._said = now
        """When the last sound came, and the last other message."""
        self._since: list[tuple[float, float]] = [(0.0, now)]
        """What the next line follows: when it was in the recording, when it was here."""

    def hear(self, payload: bytes, now: float, *, text: bool) -> Other | None:
        """The app says something; returns what is to be refused."""
        frame = Frame(True, payload, text=text)
        signals = self._reader.signals(frame)
        if is_sound(signals):
            self._sound(sum(sizes(signals)), now)
            return None
        self._said = now
        kind, event, without = read_event(frame)
        found, other = self._strictly(kind, event, without) if self._manner.strict else self._leniently(kind, event, without)
        if found is not None:
            self._meet(found, event, now)
        elif other is not None:
            return self._turn_down(other)
        return None

    def _turn_down(self, other: Other) -> Other | None:
        if not self._manner.strict:
            self.score.surprises(other)
            return None
        self.score.refused = str(other)
        return other

    def next(self, now: float) -> Say | Wait | End:
        """What is to be done now."""
        while self._place < len(self._lines):
            line = self._lines[self._place]
            waits = self._follow(line, now) if isinstance(line, AppLine) else self._ready(line, now)
            if waits is not None:
                return waits
            self._place += 1
            if isinstance(line, ServerLine):
                return self._say(line, now)
        due = self._due(self._script.ends)
        return End(self._script.close) if self._script.close is None or now >= due else Wait(due)

    def end(self) -> Score:
        """The connection is over."""
        self.score.missing += self._open.values()
        self.score.unsaid = sum(isinstance(line, ServerLine) for line in self._lines[self._place :])
        return self.score

    # -- what the app says ----------------------------------------------------------------------------------------------

    def _sound(self, size: int, now: float) -> None:
        self.score.heard += size
        self._sounded = now
        self._pass_gates(now)

    def _pass_gates(self, now: float) -> None:
        while self._gate < len(self._gates) and self.score.heard + self.score.short >= self._gates[self._gate].heard:
            self._reached[self._gates[self._gate].number] = now
            self._gate += 1

    def _strictly(self, kind: str, event: Any, without: frozenset[Any]) -> tuple[AppLine | None, Other | None]:
        """The next message of the recording; of several of one kind, the results of tools say, they may come in any order."""
        nearest: Other | None = None
        first = next(iter(self._open.values()), None)
        for line in islice(self._open.values(), _AHEAD):
            if not _is_kind(line, kind) or first is None or line.kind != first.kind:
                break
            other = self._other(line, kind, event, without)
            if other is None:
                return line, None
            nearest = nearest or other
        return None, nearest or Other(kind, first.number if first else None, first.kind if first else None)

    def _leniently(self, kind: str, event: Any, without: frozenset[Any]) -> tuple[AppLine | None, Other | None]:
        """The first message that is the same, else the first of its kind, which is noted as differing."""
        nearest: tuple[AppLine, Other] | None = None
        for line in islice(self._open.values(), _AHEAD):
            if _is_kind(line, kind):
                other = self._other(line, kind, event, without)
                if other is None:
                    return line, None
                nearest = nearest or (line, other)
        if nearest is None:
            return None, Other(kind, None, None)
        self.score.differs(nearest[1])
        return nearest[0], None

    def _other(self, line: AppLine, kind: str, event: Any, without: frozenset[Any]) -> Other | None:
        """How a message differs from a line of its kind; None where it does not, or where nobody knows."""
        if line.event is None:
            return None
        found = self._matcher.differences(line.event, event, line.without | without)
        return Other(kind, line.number, line.kind, tuple(found)) if found else None

    def _meet(self, line: AppLine, event: Any, now: float) -> None:
        self.score.matched += 1
        self.score.swapped += line.number < self._newest
        self._newest = max(self._newest, line.number)
        self._met[line.number] = now
        if self._open.pop(line.number).event is not None:
            self._matcher.learn(line.event, event)

    # -- what the server says -------------------------------------------------------------------------------------------

    def _follow(self, line: AppLine, now: float) -> Wait | None:
        """Whether the app has said its line. One that it has gone past without is not waited for without end."""
        if line.number in self._met:
            self._since.append((line.at, self._met.pop(line.number)))
            return None
        if line.number > self._newest:
            return Wait(None)
        until = self._said + self._manner.patience
        if now >= until:
            self._since.append((line.at, now))
        return Wait(until) if now < until else None

    def _ready(self, line: ServerLine, now: float) -> Wait | None:
        """Whether a line may be said: as much was heard as it answers, and its time has come."""
        if line.heard and line.number not in self._reached:
            until = self._sounded + self._manner.patience
            if self.score.heard == self._heard_before or now < until:
                return Wait(until if self.score.heard > self._heard_before else None)
            self.score.short = line.heard - self.score.heard
            self._pass_gates(now)
        due = max(self._due(line.at), self._due_after(line))
        return Wait(due) if now < due else None

    def _due(self, at: float) -> float:
        """When something is to happen that happened at a moment of the recording."""
        return max(here + self._manner.pace * max(0.0, at - then) for then, here in self._since)

    def _due_after(self, line: ServerLine) -> float:
        reached = self._reached.get(line.number)
        return 0.0 if reached is None else reached + self._manner.pace * max(0.0, line.at - line.since)

    def _say(self, line: ServerLine, now: float) -> Say:
        due = max(self._due(line.at), self._due_after(line))
        self._since = [(line.at, due)]
        self._reached.pop(line.number, None)
        if line.answers:
            self._heard_before = self.score.heard
        self.score.said += 1
        return Say(line.text, self._worded(line))

    def _worded(self, line: ServerLine) -> bytes:
        """With the app's own ids where the recording has those of the app of then."""
        if not self._matcher.renamed or line.kind in SOUND:
            return line.payload
        event = Frame(False, line.payload, text=line.text).event
        return self._matcher.spoken(line.payload, event) if event is not None else line.payload


def _is_kind(line: AppLine, kind: str) -> bool:
    """Of some messages nothing is known, not even their kind."""
    return line.kind in (kind, "")
