"""Texts as `log.content: redacted` stores them: what policies found in a session is blanked, also where it crossed.

Looked for are the words of those policies alone that matched a text of the same kind in this session, in the whole text as it
is about to be written: a value that came in pieces is seen whole, and what nothing was found in costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final
from typing import Literal
from typing import get_args

from realtime.policies.policy import Policy
from realtime.policies.redaction import Redaction
from realtime.policies.redaction import spliced
from realtime.policies.trace import Trace
from realtime.policies.view import Scan
from realtime.recent import Recent
from realtime.texts import Kind

Place = Literal["input", "output", "arguments", "result"]
"""Where a text stands in the record of a turn."""

_EVERYWHERE: Final[tuple[Place, ...]] = get_args(Place)
_PLACES: Final[dict[Kind | None, tuple[Place, ...]]] = {
    None: _EVERYWHERE,
    "user_text": ("input",),
    "user_transcript": ("input",),
    "instructions": ("input",),
    "model_text": ("output",),
    "model_transcript": ("output",),
    "tool_arguments": ("arguments",),
    "tool_result": ("result",),
    "mcp": ("arguments", "result"),
}
_TAIL: Final = 64
"""Characters at the end of a text that was cut, which may be the beginning of something."""
_CUT_OFF: Final = Policy("", "redact", replace="")
_VALUES: Final = 64


class Marked:
    """What the policies found in one session."""

    __slots__ = ("_policies", "_values")

    def __init__(self) -> None:
        self._policies: dict[Place, dict[str, Policy]] = {}
        self._values: Recent[tuple[Place, str], Policy] = Recent(_VALUES)
        """Texts that matched as a whole."""

    def note(self, policy: Policy, trace: Trace) -> None:
        """A policy matched, or could not judge."""
        for place in _PLACES.get(trace.kind, ()):
            if policy.condition.regex is not None or policy.condition.detect:
                self._policies.setdefault(place, {})[policy.id] = policy
            elif trace.value:
                self._values[place, trace.value] = policy

    def blanked(self, place: Place, text: str, *, cut: bool = False) -> str:
        """The text as it may be stored. The end of one that was `cut` goes too, where anything was found that may begin in it."""
        return self._without((place,), text, cut)

    def excerpt(self, text: str) -> str:
        """A piece of any text as it may be stored."""
        return self._without(_EVERYWHERE, text, False)

    def _without(self, places: tuple[Place, ...], text: str, cut: bool) -> str:
        policies = {name: policy for place in places for name, policy in self._policies.get(place, {}).items()}.values()
        values = [(value, policy) for (where, value), policy in self._values.items() if where in places]
        if not text or not (policies or values):
            return text
        scan = Scan(None)
        wanted = [one for policy in policies for one in _found(policy, text, scan)]
        wanted += [one for value, policy in values for one in _literal(policy, text, value)]
        if cut:
            wanted.append(Redaction(max(0, len(text) - _TAIL), len(text), _CUT_OFF, ""))
        return spliced(text, wanted)


def _found(policy: Policy, text: str, scan: Scan) -> Iterator[Redaction]:
    """All that a pattern or the detectors find; the whole text where they fail."""
    condition = policy.condition
    try:
        spans = [*(scan.search(condition.regex, text) if condition.regex is not None else ())]
        spans += [span for detector in condition.detectors for span in scan.detect(detector, text)]
    except Exception:
        yield _blank(policy, 0, len(text))
        return
    yield from (_blank(policy, span.start, span.end, span.detector) for span in spans)


def _literal(policy: Policy, text: str, value: str) -> Iterator[Redaction]:
    place = text.find(value)
    while place >= 0:
        yield _blank(policy, place, place + len(value))
        place = text.find(value, place + len(value))


def _blank(policy: Policy, start: int, end: int, detector: str = "") -> Redaction:
    """What a redaction would write; else the name of what was found, or of who found it."""
    named = policy if policy.action == "redact" else replace(policy, replace=None)
    return Redaction(start, end, named, detector or policy.id)
