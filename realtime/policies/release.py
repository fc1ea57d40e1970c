"""Words leave the window: redacted, inside the message that brings more of them, or in a message of our own."""

from __future__ import annotations

from typing import Any

from realtime.conditions import Span
from realtime.frame import Frame
from realtime.jsonedit import literal
from realtime.jsonpath import Keys
from realtime.policies.hit import Hit
from realtime.policies.hit import excerpt
from realtime.policies.hit import hit
from realtime.policies.passage import Ending
from realtime.policies.passage import Passage
from realtime.policies.policy import Policy
from realtime.policies.redaction import Redaction
from realtime.policies.refusal import answer_of
from realtime.policies.streams import Streams
from realtime.policies.view import Scan
from realtime.texts import texts


def release(passage: Passage, streams: Streams, dialect: str, now: float, ending: Ending = "open") -> tuple[bytes | None, list[Hit]]:
    """A message with the words that may leave now: those that waited long enough, or of a text that ends the rest; None for none."""
    if not passage.holds or passage.frame is None:
        return None, []
    value, hits = settled(passage, streams, Scan(), now, ending)
    return (_message(passage, passage.frame, dialect, value) if value else None), hits


def settled(passage: Passage, streams: Streams, scan: Scan, now: float, ending: Ending = "open") -> tuple[str, list[Hit]]:
    """The words that leave now, and the policies that redacted something in them."""
    frame, left = passage.frame, passage.decided
    wanted, failures = _wanted(passage, scan)
    value, made = passage.settle(wanted, now, ending)
    if frame is None or not wanted:
        return value, []
    late = any(one.start + passage.base < left for one in made) and not passage.drafted
    told = [one for one in wanted if one.end + passage.base > left and one.start + passage.base < passage.decided]
    return value, [
        hit(
            one.policy,
            frame,
            keys=passage.keys,
            kind=passage.stream.kind,
            excerpt=excerpt(passage.text, [Span(each.start, each.end, each.detector) for each in (one, *wanted)], open_end=True),
            detail=failures.get(one.policy.id) or ("its beginning had left before" if late else ""),
            response_id=answer_of(frame),
        )
        for one in told
        if streams.is_news(passage.stream, one.policy)
    ]


def _wanted(passage: Passage, scan: Scan) -> tuple[list[Redaction], dict[str, str]]:
    """What the policies redact. One that fails and may not pass redacts everything; why it failed, by its id."""
    wanted: list[Redaction] = []
    failures: dict[str, str] = {}
    if scan.is_clean(passage.text):
        return wanted, failures
    for policy in passage.redactors:
        try:
            wanted += [Redaction(*span[:2], policy, span.detector) for span in _spans(policy, passage.text, scan)]
        except Exception as error:
            failures[policy.id] = f"{type(error).__name__} in this policy"
            wanted += [Redaction(0, len(passage.text), policy, "")] if policy.on_error == "block" else []
    return wanted, failures


def _spans(policy: Policy, text: str, scan: Scan) -> tuple[Span, ...]:
    return policy.condition.spans(text, scan.search, scan.detect) or ()


def _message(passage: Passage, frame: Frame, dialect: str, value: str) -> bytes:
    """A message like the last of a text, with `value` for its words and no others, and an event id of its own."""
    passage.released += 1
    made = _like(frame.event, passage.keys, value, (), {text.keys for text in texts(dialect, frame)})
    if isinstance(made.get("event_id"), str):
        made["event_id"] += f"-{passage.released}"
    return literal(made).encode()


def _like(node: Any, keys: Keys, value: str, at: Keys, others: set[Keys]) -> Any:
    """The branch of an event that leads to `keys`, with the plain values beside it."""
    if not keys:
        return value
    inner = _like(node[keys[0]], keys[1:], value, (*at, keys[0]), others)
    if isinstance(keys[0], int):
        return [inner]
    return {
        key: inner if key == keys[0] else "" if (*at, key) in others else beside
        for key, beside in node.items()
        if key == keys[0] or not isinstance(beside, dict | list)
    }
