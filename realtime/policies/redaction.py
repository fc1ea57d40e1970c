"""What is to be replaced in a text, put together from all policies that want something replaced there."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import replace
from typing import Any

from realtime.jsonedit import Edit
from realtime.jsonpath import Keys
from realtime.policies.escapes import Written
from realtime.policies.policy import Policy


@dataclass(frozen=True, slots=True)
class Redaction:
    """Characters of a text that `policy` replaces; where several want them, the one that begins first says by what."""

    start: int
    end: int
    policy: Policy
    detector: str

    @property
    def instead(self) -> str:
        return self.policy.instead_of(self.detector)


def merged(wanted: Iterable[Redaction]) -> list[Redaction]:
    """The same without overlaps, in order."""
    done: list[Redaction] = []
    for one in sorted(wanted, key=lambda one: (one.start, -one.end)):
        if one.start == one.end:
            continue
        if done and one.start < done[-1].end:
            done[-1] = replace(done[-1], end=max(done[-1].end, one.end))
        else:
            done.append(one)
    return done


def edits_of(keys: Keys, value: Any, wanted: Iterable[Redaction]) -> Iterator[Edit]:
    """The edits of a message that replace those characters of the text at `keys`, or the number there as a whole."""
    if not isinstance(value, str):
        yield from (Edit(keys, one.instead) for one in merged(wanted)[:1])
        return
    for one, instead in _fitted(value, wanted):
        yield Edit(keys, instead, one.start, one.end)


def spliced(text: str, wanted: Iterable[Redaction]) -> str:
    """The text with those characters replaced."""
    out, position = [], 0
    for one, instead in _fitted(text, wanted):
        out += [text[position : one.start], instead]
        position = one.end
    return "".join(out) + text[position:]


def _fitted(text: str, wanted: Iterable[Redaction]) -> Iterator[tuple[Redaction, str]]:
    """Each redaction with what takes its place, written so that JSON in the text stays JSON."""
    place, position = Written(), 0
    for one in merged(wanted):
        place = place.after(text[position : one.start])
        yield one, place.fitted(one.instead)
        place, position = place.after(text[one.start : one.end]), one.end
