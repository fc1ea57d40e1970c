"""The input gate at work in one session: what it wants done is done here."""

from __future__ import annotations

from addons.gatekeeper import Gatekeeper
from addons.soundgate import left_of
from realtime.frame import Frame
from realtime.gates.act import Act
from realtime.gates.input import InputGate
from realtime.policies import Judgement
from realtime.verdict import Verdict

STOPPED = "what the user said is not answered"


class AnswerGate:
    """Of one session."""

    def __init__(self, keeper: Gatekeeper) -> None:
        self.keeper = keeper
        self.gate = InputGate(keeper.session.gates, lambda: keeper.blocks)

    def take(self, frame: Frame, judged: Judgement, verdict: Verdict | None) -> Verdict | None:
        """What becomes of a message that the policies have judged."""
        left = left_of(frame, judged, verdict)
        if frame.from_client:
            if left is None:
                return verdict
            act = self.gate.from_client(left, frame.at)
        else:
            act = self.gate.from_server(left or frame, self._why(judged), frame.at)
        outcome = verdict if judged.stopped else self._outcome(left or frame, act, verdict)
        self.do(act, frame.at, frame.type)
        return outcome

    def due(self, now: float) -> None:
        """The time has come for something."""
        self.do(self.gate.due(now), now)

    @property
    def deadline(self) -> float | None:
        return self.gate.deadline

    def do(self, act: Act, now: float, event_type: str = "") -> None:
        """What is said and noted besides."""
        for action, item, code, reason in act.notes:
            self.keeper.note(action, item, code, reason, event_type, from_client=True)
        for event in act.upstream:
            self.keeper.order(event, now)
        for event in act.client:
            self.keeper.tell(event, now)
        for payload in act.replay:
            self.keeper.replay(payload, now)
        if act.close is not None:
            self.keeper.close(act.close, now)

    def _outcome(self, frame: Frame, act: Act, verdict: Verdict | None) -> Verdict | None:
        if act.drop:
            if act.hidden:
                self.keeper.crossed(frame)
            return Verdict("drop")
        if act.payload is None or act.payload == frame.payload:
            return verdict
        changed = Verdict("replace", payload=act.payload)
        return changed if verdict is None else verdict.then(changed)

    def _why(self, judged: Judgement) -> str:
        if not judged.stopped:
            return ""
        names = ", ".join(dict.fromkeys(hit.policy for hit in judged.hits if hit.applied))
        return f"{STOPPED} (policy {names})" if names else STOPPED
