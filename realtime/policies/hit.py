"""What is told of a policy that matched: who, where, and an excerpt in which nothing sensitive is left."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Final

from realtime.conditions import Span
from realtime.detectors import DETECTORS
from realtime.detectors import Detector
from realtime.detectors import find
from realtime.detectors.sieve import Sieve
from realtime.frame import Frame
from realtime.jsonpath import Keys
from realtime.jsonpath import written
from realtime.policies.policy import Action
from realtime.policies.policy import Mode
from realtime.policies.policy import Policy
from realtime.policies.policy import Severity
from realtime.policies.refusal import item_of
from realtime.texts import Kind

EXCERPT: Final = 80
"""Characters of the longest excerpt."""
_AROUND: Final = 256
"""Characters on each side of what was found in which other findings are looked for, so that none is cut in two by the excerpt."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A policy that matched a message. `applied` is False where that has no effect: in monitor mode.

    `path` is where it matched ("" for the message as a whole), `detail` why it could not be judged, where that is so.
    """

    policy: str
    action: Action
    mode: Mode
    severity: Severity | None
    from_client: bool
    event_type: str
    path: str = ""
    kind: Kind | None = None
    excerpt: str = ""
    applied: bool = False
    detail: str = ""
    response_id: str | None = None
    tag: str | None = None
    item_id: str | None = None


def hit(
    policy: Policy,
    frame: Frame,
    *,
    keys: Keys | None = None,
    kind: Kind | None = None,
    excerpt: str = "",
    detail: str = "",
    response_id: str | None = None,
    applied: bool | None = None,
) -> Hit:
    """A hit of `policy`; applied as its mode says unless told."""
    return Hit(
        policy.id,
        policy.action,
        policy.mode,
        policy.severity,
        frame.from_client,
        _name(frame.type[:EXCERPT]),
        "" if keys is None else _name(written(keys)),
        kind,
        excerpt,
        policy.enforced if applied is None else applied,
        detail,
        response_id,
        policy.tag if policy.enforced else None,
        item_of(frame),
    )


def _name(text: str) -> str:
    """What a peer called something, without values that are no names."""
    return excerpt(text, ()) if _every().left(text) else text


def excerpt(text: str, found: Iterable[Span], *, open_end: bool = False) -> str:
    """What stands around the first span, all findings in it masked, at most `EXCERPT` characters, storable as UTF-8.

    With `open_end` nothing behind the span is shown: it may be the beginning of something.
    """
    spans = list(found)
    start, end = (spans[0].start, spans[0].end) if spans else (0, 0)
    low, high = max(start - _AROUND, 0), end if open_end else end + _AROUND
    near = text[low:high]
    inside = [Span(max(span.start - low, 0), min(span.end - low, len(near)), span.detector) for span in spans]
    others = (Span(found.start, found.end, found.detector) for found in find(near, _every().left(near)))
    masked, place = _masked(near, [*inside, *others], start - low)
    first = max(min(place - EXCERPT // 2, len(masked) - EXCERPT), 0)
    return masked[first : first + EXCERPT].encode(errors="replace").decode()


@cache
def _every() -> Sieve[Detector]:
    """Which of all detectors may find something."""
    return Sieve(detector for detectors in DETECTORS.values() for detector in detectors)


def _masked(text: str, spans: list[Span], place: int) -> tuple[str, int]:
    """The text with a word for each span, and where `place` is in it."""
    out: list[str] = []
    position, moved = 0, 0
    for span in sorted(spans, key=lambda span: (span.start, -span.end)):
        if span.start < position or span.start >= span.end:
            position = max(position, span.end) if span.start < span.end else position
            continue
        out += [text[position : span.start], f"[{span.detector or 'match'}]"]
        position = span.end
        if span.start <= place:
            moved = sum(map(len, out))
    return "".join(out) + text[position:], moved
