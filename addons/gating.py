"""The gates around the policies: a session whose route asks for one has its messages judged in here, all others by the policies alone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from functools import partial
from typing import Any
from typing import Final

from addons.answergate import AnswerGate
from addons.callsound import CallSound
from addons.gatekeeper import Gatekeeper
from addons.inspection import Hook
from addons.policing import Policing
from addons.soundgate import SoundGate
from addons.soundgate import left_of
from addons.tap import Tap
from realtime.frame import Frame
from realtime.framing import Close
from realtime.gates.sound import has_sound
from realtime.made import Operated
from realtime.policies import Hit
from realtime.policies import Judgement
from realtime.session import Session
from realtime.verdict import Verdict

_SOON: Final = 0.05
"""Seconds after which what is overdue is looked at again: the policies let words go by their own clock."""


UNFIT: Final = Verdict("close", close=Close(1008, "what the provider speaks cannot carry the gates of the route"))


class Gating:
    """The frame hook that asks the policies, with the gates of a session beside them.

    `show` and `sound` are set by whoever knows all hooks, and the sidecar: see `Inspection.show` and `Sidecar.sound`.
    """

    audio: Final = "before"

    def __init__(self, tap: Tap, policing: Policing) -> None:
        self.policing = policing
        self.show: Callable[[Session, Frame], None] = lambda session, frame: None
        self.sound: Callable[[str, Mapping[str, Any]], Awaitable[None]]
        self._tap = tap
        self._gated: dict[str, Gated] = {}
        policing.told.append(self._told)
        tap.over.append(self._over)

    def frame(self, session: Session, frame: Frame) -> Verdict | None:
        return self.of(session)(session, frame)

    def of(self, session: Session) -> Hook:
        """What a session's messages are shown to."""
        if not session.gates:
            return self.policing.frame
        session.watched = session.gates.hold or session.breaks_sound
        if session.id not in self._gated:
            keeper = Gatekeeper(self._tap, self.policing, session, self._crossed)
            self._gated[session.id] = Gated(keeper, self.policing, partial(self._gate_of_sound, keeper, session))
        return self._gated[session.id].frame

    def withdrawn(self, session: Session, frame: Frame) -> None:
        """A message that passed here was stopped or changed by an operator."""
        if (gated := self._gated.get(session.id)) is not None:
            gated.withdrawn(frame)

    def rest(self, session: Session, from_client: bool, now: float, *, broken: bool) -> Sequence[Frame]:
        """As `Policing.rest`."""
        return self.policing.rest(session, from_client, now, broken=broken)

    def _gate_of_sound(self, keeper: Gatekeeper, session: Session) -> SoundGate | CallSound | None:
        """Where the sound is among the messages, or, in a call, in the sidecar."""
        if not session.gates.hold:
            return None
        return SoundGate(keeper) if session.call is None else CallSound(keeper, partial(self.sound, session.call.id))

    def _crossed(self, session: Session, frame: Frame) -> None:
        self.show(session, frame)

    def _told(self, session: Session, hits: Sequence[Hit]) -> None:
        if (gated := self._gated.get(session.id)) is not None:
            gated.told(hits)

    def _over(self, session: Session) -> None:
        gated = self._gated.pop(session.id, None)
        if gated is not None:
            gated.over()


class Gated:
    """One session with gates."""

    def __init__(self, keeper: Gatekeeper, policing: Policing, sound: Callable[[], SoundGate | CallSound | None]) -> None:
        self.keeper = keeper
        self.policing = policing
        self.answers = AnswerGate(keeper) if keeper.session.gates.gate else None
        self.sound = sound()
        self._make_sound = sound
        self._dialect = keeper.session.dialect.name
        self._timer: asyncio.TimerHandle | None = None
        self._armed: float | None = None
        self._stood = keeper.session.stood
        """Seconds for which messages had been paused when nothing waited last."""

    def frame(self, session: Session, frame: Frame) -> Verdict | None:
        """The verdict of the policies and the gates."""
        if self.keeper.is_replayed(frame):
            return None
        if session.dialect.name != self._dialect and not self._switched(session):
            return UNFIT
        judged = self.policing.judged(session, frame)
        verdict = judged.verdict
        by_operator = isinstance(frame, Operated)
        if self.answers is not None and (frame.from_client or not by_operator):
            verdict = self.answers.take(frame, judged, verdict)
        if by_operator and not frame.from_client:
            verdict = self._without_sound(frame, judged, verdict)
        elif self.sound is not None:
            verdict = self.sound.take(frame, judged, verdict)
        self._arm()
        return verdict

    def _without_sound(self, frame: Frame, judged: Judgement, verdict: Verdict | None) -> Verdict | None:
        """What an operator says in the name of the provider frees no sound and is no transcript; sound in it cannot be checked."""
        left = left_of(frame, judged, verdict)
        if self.sound is None or left is None or not has_sound(self._dialect, left):
            return verdict
        self.keeper.note("block", None, "unchecked", "sound that an operator made cannot be checked", frame.type)
        return Verdict("drop")

    def withdrawn(self, frame: Frame) -> None:
        """A message of the app that had passed does not reach the provider, or not as it was."""
        if self.answers is not None and frame.from_client:
            self.answers.gate.withdrawn(frame)

    def _switched(self, session: Session) -> bool:
        """The first message of the server told that it speaks another protocol; whether the gates can be had there."""
        self._dialect = session.dialect.name
        self.sound = self._make_sound()
        return session.gates.fit(self._dialect)

    def told(self, hits: Sequence[Hit]) -> None:
        """What matched in a message, or in words that were held."""
        if self.sound is not None:
            self.sound.told(hits)

    def over(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _arm(self) -> None:
        """See to it that the gates are asked again in time."""
        deadline = min((known for known in (self._deadline_of_answers, self._deadline_of_sound) if known is not None), default=None)
        if deadline == self._armed:
            return
        self.over()
        self._armed, self._timer = deadline, None
        if deadline is not None:
            wait = max(_SOON, deadline - time.monotonic())
            self._timer = asyncio.get_running_loop().call_later(wait, self._due)

    @property
    def _deadline_of_sound(self) -> float | None:
        return None if self.sound is None else self.sound.deadline

    @property
    def _deadline_of_answers(self) -> float | None:
        """The later by as long as messages were paused meanwhile, which may be those that it waits for."""
        deadline = None if self.answers is None else self.answers.deadline
        if deadline is None:
            self._stood = self.keeper.session.stood
            return None
        return deadline + self._lag

    @property
    def _lag(self) -> float:
        return self.keeper.session.stood - self._stood

    def _due(self) -> None:
        self._armed = self._timer = None
        line = self.keeper.line
        if line is None:
            return
        now, paused = time.monotonic(), self.keeper.session.paused
        if self.answers is not None and not paused:
            self.answers.due(now - self._lag)
        if self.sound is not None and False not in paused:
            self.sound.due(now)
        line.pump_if_due()
        self._arm()
