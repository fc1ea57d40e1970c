"""The recorded messages of a session before the policies of a rules file: what each of them would have met."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator
from contextlib import suppress
from typing import Final
from typing import NamedTuple

from realtime.elision import Elided
from realtime.elision import filled
from realtime.frame import Frame
from realtime.policies import Hit
from realtime.policies import Judge
from realtime.policies import PolicySet
from realtime.policies.explaining import Explainer
from realtime.policies.explaining import Explanation
from realtime.verdict import Verdict
from store.framereader import Frames
from store.frames import Event

RESULTS: Final = {"replace": "changed", "drop": "blocked", "close": "closed", "hold": "held"}
"""What a verdict makes of a message that does not pass as it is."""


class NoSuchMessage(LookupError):
    """A number that no message of the session has; there are `count`."""

    def __init__(self, number: int, count: int) -> None:
        super().__init__(f"there is no message {number}")
        self.count = count


class Rejudged(NamedTuple):
    """A recorded message, the policies that match it now, and what becomes of it: `passed`, or as `RESULTS` has it.

    `result` None is one that is not judged: the proxy's own, or one of which no content was kept.
    """

    event: Event
    hits: tuple[Hit, ...]
    result: str | None


def rejudge(frames: Frames, policies: PolicySet, dialect: str) -> Iterator[Rejudged]:
    """Every message in its order, up to the one that would have ended the session."""
    judge = Judge(policies, dialect)
    before: Rejudged | None = None
    for event in frames.events():
        at = event.at / 1e6
        late = _released(judge, at)
        if before is not None:
            yield before._replace(hits=before.hits + late)
        before = _judged(judge, event, at)
        if before.result == "closed":
            break
    if before is not None:
        yield before._replace(hits=before.hits + judge.flush(before.event.at / 1e6).hits)


def explain_event(frames: Frames, number: int, policies: PolicySet, dialect: str) -> tuple[Event, Explanation | None, str | None]:
    """Why each policy matches a message or not, with all that came before it, and what becomes of it; None for one that is not judged.

    Raises NoSuchMessage.
    """
    judge = Explainer(policies, dialect)
    for event in frames.events():
        at = event.at / 1e6
        _released(judge, at)
        if event.n == number:
            frame = frame_of(event)
            if frame is None:
                return event, None, None
            found = judge.explain(frame, at)
            return event, found, result_of(found.judgement.verdict, frame)
        _judged(judge, event, at)
    raise NoSuchMessage(number, frames.count)


def frame_of(event: Event) -> Frame | None:
    """The message as policies see it, with silence in the place of its sound; None for one that is not judged."""
    replaced = event.was is not None and event.was.type != event.type
    if event.outcome == "told" or replaced or (event.payload is None and event.data is None and not event.elided):
        return None
    payload = event.payload.encode() if event.payload is not None else b64decode(event.data or "")
    with suppress(LookupError):  # what was masked may have taken the place with it
        payload = filled(payload, [Elided(tuple(sound.path), sound.size, sound.padding) for sound in event.elided])
    return Frame(event.from_ == "client", payload, text=event.opcode == "text", at=event.at / 1e6)


def _judged(judge: Judge, event: Event, at: float) -> Rejudged:
    frame = frame_of(event)
    if frame is None:
        return Rejudged(event, (), None)
    judged = judge.judge(frame, at)
    return Rejudged(event, judged.hits, result_of(judged.verdict, frame))


def result_of(verdict: Verdict | None, frame: Frame) -> str:
    """What a verdict makes of a message."""
    if verdict is None or verdict.action == "pass":
        return "passed"
    blocked = verdict.action == "replace" and Frame(frame.from_client, verdict.payload).type != frame.type
    return "blocked" if blocked else RESULTS[verdict.action]


def _released(judge: Judge, until: float) -> tuple[Hit, ...]:
    """What the clock lets go before the next message."""
    hits: tuple[Hit, ...] = ()
    while (deadline := judge.deadline) is not None and deadline <= until:
        hits += judge.due(deadline).hits
        if judge.deadline == deadline:
            break
    return hits
