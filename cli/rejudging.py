"""The recorded messages of a session before the policies of a rules file: what each of them would have met."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final
from typing import NamedTuple

from cli.errors import Failure
from cli.records import Record
from cli.records import find_session
from cli.records import readable
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
from store.reader import LogReader

_TURN_ON: Final = "set log.frames: events in the rules, with log.content: redacted or full; sessions that begin after that are recorded"

RESULTS: Final = {"replace": "changed", "drop": "blocked", "close": "closed", "hold": "held"}
"""What a verdict makes of a message that does not pass as it is."""


class Rejudged(NamedTuple):
    """A recorded message, the policies that match it now, and what becomes of it: `passed`, or as `RESULTS` has it.

    `result` None is one that is not judged: the proxy's own, or one of which no content was kept.
    """

    event: Event
    hits: tuple[Hit, ...]
    result: str | None


def recorded(data: Path, session: str) -> tuple[Record, Frames]:
    """A session and its messages. Raises Failure VT103, VT102, and VT110 where there are none."""
    record = find_session(data, session)
    with readable(data):
        found = LogReader(data).frames(record["id"])
    if found is None or not found.readable:
        raise Failure("VT110", f"session {record['id']}: {_why_not(record, found)}", "" if record.get("events") else _TURN_ON)
    return record, found


def _why_not(record: Record, found: Frames | None) -> str:
    if found is not None and found.erased:
        return "its messages were erased"
    if record.get("events"):
        return "its messages are not there any more, or not yet"
    return "its messages were not recorded"


def with_content(record: Record, frames: Frames) -> None:
    """Raises Failure VT110 where there are envelopes alone."""
    if frames.header is not None and frames.header.content == "metadata":
        raise Failure("VT110", f"session {record['id']}: its messages were recorded without what was in them", _TURN_ON)


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

    Raises Failure VT105 where there is no such message.
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
    raise Failure("VT105", f"there is no message {number}", f"there are {frames.count}; ./run.sh events lists them")


def frame_of(event: Event) -> Frame | None:
    """The message as policies see it, with silence in the place of its sound; None for one that is not judged."""
    replaced = event.was is not None and event.was.type != event.type
    if event.outcome == "told" or replaced or (event.payload is None and event.data is None and not event.elided):
        return None
    payload = event.payload.encode() if event.payload is not None else b64decode(event.data or "")
    with suppress(LookupError):  # what was masked may have taken the place with it
        payload = filled(payload, [Elided(tuple(sound.path), sound.size) for sound in event.elided])
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
