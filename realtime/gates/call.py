"""The output gate of a relayed call, where sound goes another way than the messages: what becomes of it, as orders to the delay line.

no answer is open, or it has no words yet    muted: there is no sound that may be heard
its first words, or its sound is announced   shut: it waits for the words that are checked
it ended, all its words having been checked  open, until its sound has been played, where the provider says so
its words are blocked or redacted            muted, until another answer's sound may be next
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from typing import Literal

from realtime.dialects import make
from realtime.frame import Frame
from realtime.gates.delays import Delays
from realtime.gates.settings import BOUNDS
from realtime.gates.settings import Bounds
from realtime.gates.words import Words
from realtime.recent import Recent
from realtime.signals import Playback
from realtime.signals import ResponseFinished
from realtime.signals import ResponseStarted
from realtime.signals import Signal
from realtime.signals import TextOut

_ANSWERS: Final = 32
_TAIL: Final = 1.0
"""Seconds for which the last packets of an answer may come after the word that it has been played."""


@dataclass(frozen=True, slots=True)
class Order:
    """For the delay line, as its own documentation has it."""

    state: Literal["open", "shut", "muted"]
    until: float | None = None
    drop: bool = False
    reset: bool = False


@dataclass(slots=True, eq=False)
class CallAnswer:
    """One answer; `frame` is the newest message of it, `began` when its sound may have begun, `played` when the provider said so."""

    key: str | None
    words: Words
    frame: Frame
    began: float | None = None
    played: float | None = None
    free: bool = False
    """Its sound may go on: it ended, or waited for too long."""
    muted: bool = False
    heard: float | None = None
    """When all of its sound had been played."""
    measured: bool = False

    def is_due(self, now: float) -> bool:
        """Whether it has sound that may be played now or later."""
        going = self.heard is None or now < self.heard + _TAIL
        return self.free and not self.muted and going and self.began is not None

    @property
    def until(self) -> float | None:
        """What came by then may be heard."""
        return self.began if self.words.until is None else max(self.words.until, self.began or 0.0)


class CallGate:
    """One for each call that is held. Times are monotonic seconds, the same as those of the line."""

    def __init__(self, dialect: str, delays: Delays, bounds: Bounds = BOUNDS) -> None:
        self._read = make(dialect)
        self._delays = delays
        self._bounds = bounds
        self._answers: Recent[str | None, CallAnswer] = Recent(_ANSWERS)
        self._playing: CallAnswer | None = None
        self._muting: CallAnswer | None = None
        self._tells = False
        """Whether this provider says when sound is played."""
        self.measured: list[tuple[str | None, float]] = []
        """How long sound of which answers has waited, since somebody looked."""
        self._last = Order("muted")
        self._ended: Literal["", "stopped", "cleared"] = ""

    def take(self, frame: Frame, now: float) -> None:
        """A message of the provider."""
        for signal in () if frame.injected else self._read.signals(frame):
            self._hear(signal, frame, now)

    def mute(self, key: str | None) -> CallAnswer | None:
        """Nothing of this answer is heard any more (None: of the newest); None where it was muted before."""
        answer = self._answers.get(key) or next(reversed(self._answers.values()), None)
        if answer is None or answer.muted:
            return None
        answer.muted = answer.free = True
        self._muting = answer
        self._delays.dropped += 1
        return answer

    def free(self, answer: CallAnswer) -> None:
        """The rest of an answer is heard unchecked."""
        answer.free = True

    def orders(self, now: float, held_since: float | None) -> Iterator[Order]:
        """What the line is to do now, where that is something new."""
        for over in [one for one in self._answers.values() if one.free and one.heard is not None and one.heard + _TAIL <= now]:
            del self._answers[over.key]
        for answer in self._unfinished:
            answer.words.settle(now, held_since)
        state, until = self._state(now)
        quiets = state == "muted" and self._last.state != "muted"
        drop = self._ended == "cleared" or (quiets and self._muting is not None)
        made = Order(state, until, drop=drop, reset=self._ended != "" or quiets)
        self._ended = ""
        if made != self._last:
            self._measure(made, now)
            yield made
        self._last = Order(state, until)

    def expired(self, now: float) -> list[CallAnswer]:
        """Answers whose sound has waited for too long."""
        return [answer for answer in self._unfinished if (late := self._late(answer)) is not None and late <= now]

    @property
    def deadline(self) -> float | None:
        """When something may have to be done without any further message."""
        moments = [moment for answer in self._unfinished for moment in (self._late(answer), answer.words.due)]
        moments += [answer.heard + _TAIL for answer in self._answers.values() if answer.heard is not None and self._last.state == "open"]
        return min((moment for moment in moments if moment is not None), default=None)

    @property
    def _unfinished(self) -> list[CallAnswer]:
        return [answer for answer in self._answers.values() if not answer.free]

    def _late(self, answer: CallAnswer) -> float | None:
        since = answer.played if self._tells else answer.began
        return None if since is None else max(since, answer.words.until or 0.0) + self._bounds.sound

    def _state(self, now: float) -> tuple[Literal["open", "shut", "muted"], float | None]:
        if self._muting is not None or (self._playing is not None and self._playing.muted):
            return "muted", None
        if self._playing is not None and self._playing.free:
            return "open", None
        moments = [answer.until for answer in self._unfinished]
        begun = [moment for moment in moments if moment is not None]
        if begun:
            return "shut", min(begun)
        return ("open" if not moments and any(answer.is_due(now) for answer in self._answers.values()) else "muted"), None

    def _hear(self, signal: Signal, frame: Frame, now: float) -> None:
        match signal:
            case ResponseStarted():
                self._answers[signal.response_id] = CallAnswer(signal.response_id, Words(self._bounds.window), frame)
                if self._playing is not self._muting:
                    self._muting = None
            case TextOut():
                self._said(signal, frame, now)
            case ResponseFinished():
                if (answer := self._answers.get(signal.response_id)) is not None:
                    answer.free = True
            case Playback():
                self._plays(signal, now)

    def _said(self, signal: TextOut, frame: Frame, now: float) -> None:
        answer = self._answer(signal.response_id, frame)
        answer.frame, answer.began = frame, answer.began or now
        if signal.final:
            answer.words.close(now)
        else:
            answer.words.add(signal.text, now, replace=signal.replace)

    def _plays(self, signal: Playback, now: float) -> None:
        """The sound of an answer begins, or is over."""
        self._tells = True
        answer = self._answers.get(signal.response_id)
        if signal.started:
            self._playing = answer
            if answer is not None:
                answer.played, answer.began = now, answer.began or now
            if self._muting is not answer:
                self._muting = None
        elif answer is not None:
            answer.heard = now
        if not signal.started and self._playing is answer:
            self._playing = None
            self._ended = "cleared" if signal.cleared else "stopped"
            if self._muting is answer and next(reversed(self._answers.values()), None) is not answer:
                self._muting = None

    def _answer(self, key: str | None, frame: Frame) -> CallAnswer:
        answer = self._answers.get(key)
        if answer is None:
            answer = self._answers[key] = CallAnswer(key, Words(self._bounds.window), frame)
        return answer

    def _measure(self, made: Order, now: float) -> None:
        """How long what goes on now has waited."""
        if self._last.state != "shut" or made.state == "muted":
            return
        moment = made.until if made.until is not None else self._last.until
        waited = max(0.0, now - (moment or now))
        for answer in self._answers.values():
            if answer.words.until is None or answer.muted or answer.heard is not None:
                continue
            self.measured.append((answer.key, waited))
            if not answer.measured:
                answer.measured = True
                self._delays.began(waited)
        self._delays.waited(waited)
