"""The policies of one session at work: what may cross, what of it is changed, and what is told about it.

Policies are asked in their order and see each message as it came; all that tag, alert or redact apply, the first enforced
`allow`, `block` or `close` that matches ends the asking. Words that come in pieces are looked at as one text. A message that
cannot be read with certainty, a policy that fails, and one that is not reached in time count as its `on_error` says.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Container
from dataclasses import dataclass
from typing import Final
from typing import NamedTuple

from realtime.frame import Frame
from realtime.policies.case import Case
from realtime.policies.glance import UNSURE
from realtime.policies.glance import Glance
from realtime.policies.glance import glance
from realtime.policies.hit import Hit
from realtime.policies.passage import Ending
from realtime.policies.passage import Passage
from realtime.policies.passage import Window
from realtime.policies.policy import Applicable
from realtime.policies.policy import PolicySet
from realtime.policies.refusal import FAILED
from realtime.policies.refusal import answer_of
from realtime.policies.refusal import blocked
from realtime.policies.refusal import item_of
from realtime.policies.refusal import uncancelled
from realtime.policies.refusal import wordless
from realtime.policies.release import release
from realtime.policies.streams import Streams
from realtime.policies.trace import Trace
from realtime.policies.view import doubt
from realtime.policies.view import types_of
from realtime.recent import Recent
from realtime.texts import ended
from realtime.texts import texts
from realtime.texts.slot import SPOKEN
from realtime.verdict import Verdict

WINDOW: Final = Window()
_BLOCKED: Final = 128
_OWN: Final = 64


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of the work on one message, in seconds of the judge's clock, and the window over streams.

    A message has `budget`, and as much again for each `per` bytes: what is asked is linear in the size of a message.
    """

    budget: float = 0.01
    per: int = 20_480
    window: Window = WINDOW


LIMITS: Final = Limits()


class Judgement(NamedTuple):
    """What is to be done with a message (None: it passes as it is), which policies matched it, and whether it was stopped."""

    verdict: Verdict | None = None
    hits: tuple[Hit, ...] = ()
    stopped: bool = False


class Released(NamedTuple):
    """Messages of our own to be injected, in this order, and the policies that redacted something in them."""

    frames: tuple[Frame, ...] = ()
    hits: tuple[Hit, ...] = ()


PASSES: Final = Judgement()
"""Of a message that leaves what is held as it was."""


class Judge:
    """One for each session. `clock` measures the budget, in seconds: best the processor time of the thread.

    `policies` may be replaced at any time; what is held goes on under the new ones.
    """

    def __init__(self, policies: PolicySet, dialect: str, limits: Limits = LIMITS, clock: Callable[[], float] = lambda: 0.0) -> None:
        self.policies = policies
        self.traces: tuple[Trace, ...] = ()
        """Where policies matched in the newest message."""
        self._dialect = dialect
        self._limits = limits
        self._clock = clock
        self._streams = Streams(dialect, limits.window)
        self._blocked: Recent[str, bool] = Recent(_BLOCKED)
        """Answers that were blocked with their items (True), and items without an answer: what the user said (False)."""
        self._own: Recent[bytes, None] = Recent(_OWN)
        """Messages handed out for injection, which come back to be judged."""

    @property
    def deadline(self) -> float | None:
        """When `due` must be called next; None while nothing is held."""
        return min((due for passage in self._streams.open.values() if (due := passage.deadline) is not None), default=None)

    def judge(self, frame: Frame, now: float) -> Judgement:
        """What the policies say about a message that arrives at `now`, in seconds."""
        self.traces = ()
        policies = self.policies.of(frame.from_client, frame.type)
        if not policies and frame.flaw is None and self._streams.quiet and not self._blocked:
            return PASSES
        if frame.injected and frame.payload in self._own:
            del self._own[frame.payload]
            return PASSES
        if self._blocked and (verdict := self._of_blocked(frame)) is not None:
            return Judgement(verdict)
        seen = self._glance(frame, policies, now) if not policies.others else UNSURE
        if seen.passes:
            return PASSES
        if (why := doubt(frame)) is not None:
            policies = self._concerned(frame, policies)
        case = self._case(policies, frame, now, seen.fed)
        verdict = case.verdict(self._clock, self._limits.budget * (1 + len(frame.payload) / self._limits.per), why)
        if case.blocked:
            answer = answer_of(frame)
            for name in filter(None, (answer, item_of(frame))):
                self._blocked[name] = answer is not None
        self.traces = tuple(case.traces)
        return Judgement(verdict, tuple(case.hits), case.blocked)

    def stop(self, frame: Frame, why: str) -> Verdict:
        """Break off the answer that a server's message is part of, because it could not be checked."""
        answer = answer_of(frame)
        if answer is not None:
            self._blocked[answer] = True
        return blocked(self._dialect, frame, why, code=FAILED)

    @property
    def held_since(self) -> float | None:
        """When the oldest words of the model came that are held; None while none are."""
        passages = [passage for (from_client, stream), passage in self._streams.open.items() if not from_client and stream.kind in SPOKEN]
        return min((since for passage in passages if (since := passage.since) is not None), default=None)

    def blocks(self, response_id: str) -> bool:
        """Whether this answer was blocked, so that its sound must not cross either."""
        return self._blocked.get(response_id, False)

    @property
    def silences(self) -> bool:
        """Whether any answer was blocked, so that messages of mere sound are to be judged as well."""
        return any(self._blocked.values())

    def due(self, now: float, standing: Container[bool] = ()) -> Released:
        """Held words whose time is up, but for those of a side (True: the client) that is `standing` still."""
        late = [
            passage
            for passage in self._streams.open.values()
            if (due := passage.deadline) is not None and due <= now and passage.from_client not in standing
        ]
        return self._release(late, now)

    def flush(self, now: float, from_client: bool | None = None, *, broken: bool = False) -> Released:
        """All that is held, of one direction or of both: the session ends, or its policies were taken away.

        Where it is `broken` off, what may have been the beginning of a value is given up.
        """
        held = [passage for passage in self._streams.open.values() if from_client in (None, passage.from_client) and passage.holds]
        released = self._release(held, now, "broken" if broken else "whole")
        self._streams.drop(held)
        return released

    def _glance(self, frame: Frame, policies: Applicable, now: float) -> Glance:
        """Most messages pass at a glance."""
        return glance(self._dialect, frame, self.policies.sieve, self._streams, policies, now)

    def _case(self, policies: Applicable, frame: Frame, now: float, fed: list[Passage] | None) -> Case:
        """The message before these policies."""
        return Case(self.policies, policies, self._streams, self._dialect, frame, now, fed)

    def _release(self, passages: list[Passage], now: float, ending: Ending = "open") -> Released:
        frames: list[Frame] = []
        hits: list[Hit] = []
        for passage in passages:
            payload, found = release(passage, self._streams, self._dialect, now, ending)
            hits += found
            if payload is not None and passage.frame is not None:
                self._own[payload] = None
                frames.append(Frame(passage.from_client, payload, text=passage.frame.text, at=now, injected=True))
        return Released(tuple(frames), tuple(hits))

    def _concerned(self, frame: Frame, policies: Applicable) -> Applicable:
        """The policies of every type that a message in doubt may be taken for."""
        if frame.event is None:
            return self.policies.toward(frame.from_client)
        found = {id(policy) for kind in types_of(frame) for policy in self.policies.of(frame.from_client, kind)}
        return Applicable.of(policy for policy in self.policies.policies if id(policy) in found)

    def _of_blocked(self, frame: Frame) -> Verdict | None:
        """What still comes of a blocked answer is dropped; what apps wait for, its end and what it says of the user, has no words.

        An error that only says that it could not be cancelled any more is dropped too.
        """
        if uncancelled(frame) in self._blocked:
            return Verdict("drop")
        answer, item = answer_of(frame), item_of(frame)
        whole = self._blocked.get(answer or "", self._blocked.get(item or ""))
        if whole is None:
            return None
        if whole and item is not None:
            self._blocked[item] = True
        if whole and ended(self._dialect, frame) is None:
            return Verdict("drop")
        words = texts(self._dialect, frame)
        return Verdict("replace", payload=wordless(frame, words)) if words or whole else None
