"""The output gate: sound of an answer goes on once the words that came with it or after it were checked.

Messages wait in their place, so the app sees them in the provider's order, byte for byte. What frees sound is seen when it comes,
also while it stands behind the sound itself. Of an answer whose words a policy blocked or redacted no further sound goes on.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field
from typing import Final

from realtime.dialects import make
from realtime.frame import Frame
from realtime.gates.delays import Delays
from realtime.gates.settings import BOUNDS
from realtime.gates.settings import Bounds
from realtime.gates.words import Words
from realtime.recent import Recent
from realtime.signals import AudioOut
from realtime.signals import ResponseFinished
from realtime.signals import ResponseStarted
from realtime.signals import Signal
from realtime.signals import TextOut
from realtime.texts import ended
from realtime.texts import texts

_ANSWERS: Final = 64


@dataclass(slots=True, eq=False)
class Answer:
    """One answer. `key` is its id as the dialect has it, None where it has none."""

    key: str | None
    words: Words
    waiting: deque[Sound] = field(default_factory=deque)
    finals: set[str | None] = field(default_factory=set)
    """Items whose words are all there."""
    over: bool = False
    muted: bool = False
    """None of its sound may go on any more."""
    open: bool = False
    """Its sound goes on unchecked: it had waited for too long, and that is allowed."""
    began: bool = False


@dataclass(slots=True, eq=False)
class Sound:
    """A message with sound that waits, the ticket it is held under. `before` are the pieces of words that had come before it."""

    answer: Answer
    item: str | None
    frame: Frame
    at: float
    before: int

    @property
    def is_free(self) -> bool:
        answer = self.answer
        return answer.over or answer.open or self.item in answer.finals or answer.words.checked > self.before


class OutputGate:
    """One for each session that holds. Times are monotonic seconds."""

    def __init__(self, dialect: str, delays: Delays, bounds: Bounds = BOUNDS) -> None:
        self.dialect = dialect
        self.bytes = 0
        """Payload of what waits."""
        self._read = make(dialect)
        self._delays = delays
        self._bounds = bounds
        self._answers: Recent[str | None, Answer] = Recent(_ANSWERS)
        self._holding: list[Answer] = []
        """Answers of which something waits."""
        self._current: str | None = None
        self._fresh: dict[str | None, int] = {}
        """Pieces of words that came with the message that is being taken."""

    def take(self, frame: Frame, left: Frame | None, now: float) -> Sound | bool:
        """A message of the provider as it came, and as the policies left it (None: they stopped it).

        Says what becomes of it: it waits as that Sound, it goes on (True), or its sound may not (False).
        """
        if frame.injected:
            return True
        found: Sound | bool = True
        self._fresh.clear()
        for signal in self._read.signals(frame):
            if isinstance(signal, AudioOut):
                found = self._sound(signal, left or frame, now)
            else:
                self._hear(signal, now)
        if self.dialect == "elevenlabs":
            self._hear_utterance(frame, now)
        if isinstance(found, Sound) and left is not None:
            self._wait(found)
        return found

    def freed(self, now: float, held_since: float | None) -> Iterator[Sound]:
        """What may go on now, in the order in which it came; `held_since` as in `Words`."""
        for answer in self._holding.copy():
            answer.words.settle(now, held_since)
            while answer.waiting and answer.waiting[0].is_free:
                sound = self._next(answer)
                self._measure(answer, now - sound.at)
                yield sound

    def mute(self, answer: Answer) -> list[Sound]:
        """Nothing of this answer's sound goes on any more; what waited of it."""
        answer.muted = True
        gone = [self._next(answer) for _ in range(len(answer.waiting))]
        self._delays.dropped += len(gone)
        return gone

    def open(self, answer: Answer) -> None:
        """The rest of an answer goes on unchecked."""
        answer.open = True

    def expired(self, now: float) -> list[Answer]:
        """Answers whose sound has waited for too long, or that are too much to keep."""
        full = self.bytes > self._bounds.bytes
        return [one for one in self._holding if full or one.waiting[0].at + self._bounds.sound <= now]

    @property
    def deadline(self) -> float | None:
        """When something may have to be done without any further message; None while nothing waits."""
        if self.bytes > self._bounds.bytes:
            return 0.0
        moments = [moment for answer in self._holding for moment in self._moments(answer)]
        return min(moments, default=None)

    def _moments(self, answer: Answer) -> Iterator[float]:
        yield answer.waiting[0].at + self._bounds.sound
        if answer.words.due is not None:
            yield answer.words.due

    def _sound(self, signal: AudioOut, frame: Frame, now: float) -> Sound | bool:
        answer = self._answer(signal.response_id)
        if answer.muted:
            self._delays.dropped += 1
            return False
        before = answer.words.came - self._fresh.get(answer.key, 0)
        sound = Sound(answer, signal.item_id, frame, now, before)
        return sound if answer.waiting or not sound.is_free else True

    def _wait(self, sound: Sound) -> None:
        if not sound.answer.waiting:
            self._holding.append(sound.answer)
        sound.answer.waiting.append(sound)
        self.bytes += len(sound.frame.payload)

    def _hear(self, signal: Signal, now: float) -> None:
        match signal:
            case ResponseStarted():
                if signal.response_id is None:
                    self._answers.pop(None, None)
                self._answer(signal.response_id)
            case TextOut():
                answer = self._answer(signal.response_id)
                if signal.final:
                    self._whole(answer, signal.item_id, now)
                else:
                    answer.words.add(signal.text, now, replace=signal.replace)
                    self._fresh[answer.key] = self._fresh.get(answer.key, 0) + 1
            case ResponseFinished():
                self._over(signal.response_id)

    def _hear_utterance(self, frame: Frame, now: float) -> None:
        """ElevenLabs says an utterance in one piece; that it was interrupted ends it."""
        if any(text.part == "final" for text in texts(self.dialect, frame)):
            self._whole(self._answer(self._current), None, now)
        if ended(self.dialect, frame) is not None:
            self._over(self._current)

    def _whole(self, answer: Answer, item: str | None, now: float) -> None:
        answer.words.close(now)
        answer.finals.add(item)

    def _over(self, key: str | None) -> None:
        answer = self._answers.get(key)
        if answer is not None:
            answer.over = True

    def answer(self, key: str | None) -> Answer:
        """The answer of this id (None: the one that is open)."""
        return self._answer(self._current if key is None else key)

    def _answer(self, key: str | None) -> Answer:
        answer = self._answers.get(key)
        if answer is None:
            answer = self._answers[key] = Answer(key, Words(self._bounds.window))
        self._current = key
        return answer

    def _next(self, answer: Answer) -> Sound:
        sound = answer.waiting.popleft()
        if not answer.waiting:
            self._holding.remove(answer)
        self.bytes -= len(sound.frame.payload)
        return sound

    def _measure(self, answer: Answer, seconds: float) -> None:
        if not answer.began:
            answer.began = True
            self._delays.began(seconds)
        self._delays.waited(seconds)
