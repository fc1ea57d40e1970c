"""What the policies change in one message, collected and then made: only those characters, every other byte as it came."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
from typing import Any

from realtime.conditions import Span
from realtime.frame import Frame
from realtime.jsonedit import Edit
from realtime.jsonedit import edited
from realtime.jsonpath import Keys
from realtime.jsonpath import value_at
from realtime.policies.policy import Policy
from realtime.policies.redaction import Redaction
from realtime.policies.redaction import edits_of
from realtime.policies.redaction import spliced


class Changes:
    """Redactions by place, and values put in the place of others."""

    __slots__ = ("_edits", "_wanted")

    def __init__(self) -> None:
        self._wanted: dict[Keys, list[Redaction]] = {}
        self._edits: list[Edit] = []

    def __bool__(self) -> bool:
        return bool(self._wanted or self._edits)

    def redact(self, policy: Policy, keys: Keys, value: Any, spans: tuple[Span, ...]) -> None:
        """What a policy found in the value at `keys`; () stands for all of it."""
        if spans and isinstance(value, str):
            self._wanted.setdefault(keys, []).extend(Redaction(span.start, span.end, policy, span.detector) for span in spans)
        else:
            self._edits.append(Edit(keys, policy.instead_of("")))

    def put(self, edits: Iterable[Edit]) -> None:
        """Other values for some places."""
        self._edits.extend(edits)

    def made_in(self, frame: Frame) -> bytes:
        """The payload with all changes."""
        event = frame.event
        if event is None:
            return spliced(frame.payload.decode(), self._wanted.get((), [])).encode()
        made = list(self._edits)
        for keys, wanted in self._wanted.items():
            made += edits_of(keys, value_at(event, keys), wanted)
        return edited(frame.payload, [*made, *_echoes(event, made)])


def _echoes(event: Any, made: Iterable[Edit]) -> Iterator[Edit]:
    """Log probabilities repeat the words token by token; they go where words beside them are changed."""
    for holder in {keys for edit in made for keys in ((), edit.keys[:-1])}:
        node = value_at(event, holder)
        if isinstance(node, dict) and node.get("logprobs") is not None:
            yield Edit((*holder, "logprobs"), None)
