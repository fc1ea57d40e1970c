"""The output gate at work in one session: holds messages with sound in the tunnel, lets them go or takes their sound away."""

from __future__ import annotations

import time
from collections.abc import Iterable
from collections.abc import Sequence
from typing import Final

from addons.gatekeeper import Gatekeeper
from realtime.frame import Frame
from realtime.gates.output import Answer
from realtime.gates.output import OutputGate
from realtime.gates.output import Sound
from realtime.gates.settings import BOUNDS
from realtime.gates.sound import without_sound
from realtime.policies import Hit
from realtime.policies import Judgement
from realtime.policies.refusal import answer_of
from realtime.texts import texts
from realtime.texts.slot import SPOKEN
from realtime.verdict import Verdict
from store.export.native import Action

LATE: Final = f"the words of its sound did not come within {BOUNDS.sound:g} s"
FULL: Final = f"more than {BOUNDS.bytes >> 20} MiB of its sound wait for their words"


class SoundGate:
    """Of one session."""

    def __init__(self, keeper: Gatekeeper) -> None:
        self.keeper = keeper
        self.gate = OutputGate(keeper.session.dialect.name, keeper.session.held)

    def take(self, frame: Frame, judged: Judgement, verdict: Verdict | None) -> Verdict | None:
        """What becomes of a message of the provider that the policies have judged."""
        if frame.from_client:
            return verdict
        now = frame.at
        found = self.gate.take(frame, left_of(frame, judged, verdict), now)
        if judged.stopped and (answer := spoken_in(self.gate.dialect, frame)) is not None:
            self._mute(answer[0], "cancel", "blocked", frame.type)
        freed = self._let_go(now)
        if isinstance(found, Sound) and found not in freed and found in found.answer.waiting:
            return _then(verdict, Verdict("hold", ticket=found))
        return verdict if found is not False else _then(verdict, self._silenced(frame))

    def told(self, hits: Sequence[Hit]) -> None:
        """Words of the model were changed: the sound would still say them."""
        for hit in hits:
            if hit.action == "redact" and hit.applied and not hit.from_client and hit.kind in SPOKEN:
                self._mute(hit.response_id, "redact", "redacted", hit.event_type)

    def due(self, now: float) -> None:
        """The time has come for something."""
        for answer in self.gate.expired(now):
            why = LATE if self.gate.bytes <= BOUNDS.bytes else FULL
            if self.keeper.blocks:
                self._break_off(answer, why, now)
            else:
                self.gate.open(answer)
                self.keeper.note("release", answer.key, "unchecked", why)
        self._let_go(now)

    @property
    def deadline(self) -> float | None:
        return self.gate.deadline

    def _let_go(self, now: float) -> list[Sound]:
        freed = []
        for sound in self.gate.freed(now, self.keeper.held_since):
            freed.append(sound)
            self.keeper.crossed(sound.frame)
            self.keeper.waited(sound.answer.key, now - sound.at)
            self.keeper.redeem(sound, None, now)
        return freed

    def _mute(self, key: str | None, action: Action, code: str, event_type: str) -> None:
        answer = self.gate.answer(key)
        if answer.muted:
            return
        waiting = self.gate.mute(answer)
        self._drop(waiting, time.monotonic())
        reason = f"its words were {code}: {len(waiting)} messages of its sound that waited, and all that follow, do not cross"
        self.keeper.note(action, answer.key, code, reason, event_type)

    def _break_off(self, answer: Answer, why: str, now: float) -> None:
        """Nothing more of an answer goes on; the app is told so in the place of its first sound that waited."""
        first, *rest = self.gate.mute(answer)
        self.keeper.note("cancel", answer.key, "unchecked", why, first.frame.type)
        stopped = self.keeper.stop(first.frame, f"{why} (hold)")
        self.keeper.redeem(first, _then(self._silenced(first.frame), stopped) if stopped.action == "drop" else stopped, now)
        self._drop(rest, now)

    def _drop(self, waiting: Iterable[Sound], now: float) -> None:
        for sound in waiting:
            verdict = self._silenced(sound.frame)
            if verdict.action == "replace":
                self.keeper.crossed(Frame(False, verdict.payload, text=sound.frame.text, at=sound.at))
            self.keeper.redeem(sound, verdict, now)

    def _silenced(self, frame: Frame) -> Verdict:
        payload = without_sound(self.gate.dialect, frame)
        return Verdict("drop") if payload is None else Verdict("replace", payload=payload)


def left_of(frame: Frame, judged: Judgement, verdict: Verdict | None) -> Frame | None:
    """A message as it goes on; None where it does not."""
    if judged.stopped or (verdict is not None and verdict.action in ("drop", "close")):
        return None
    if verdict is None or not verdict.payload:
        return frame
    return Frame(frame.from_client, verdict.payload, text=frame.text, at=frame.at)


def spoken_in(dialect: str, frame: Frame) -> tuple[str | None] | None:
    """The answer that a message is part of (None: the one that is open); None where it is part of none."""
    if (answer := answer_of(frame)) is not None:
        return (answer,)
    if dialect == "openai":
        return None
    return (None,) if any(text.kind in SPOKEN for text in texts(dialect, frame)) else None


def _then(verdict: Verdict | None, later: Verdict) -> Verdict:
    return later if verdict is None else verdict.then(later)
