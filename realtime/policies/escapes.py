r"""JSON inside a text (arguments of a tool): read through its escapes, and still JSON when something in it was replaced.

`4111\u00201111…` inside such a text is a number for whoever parses it, and is found as one.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from realtime.conditions import Span

_SIGN: Final = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\[\"\\/bfnrt]|.",
    re.DOTALL,
)

Find = Callable[[str], tuple[Span, ...]]


class Escaped:
    """A text with escapes. `plain` is what it says, where `starts` are the places of its characters in the text."""

    __slots__ = ("plain", "starts", "text")

    def __init__(self, text: str) -> None:
        signs = [(sign.start(), sign[0]) for sign in _SIGN.finditer(text)]
        self.text = text
        self.starts = [*(start for start, _ in signs), len(text)]
        self.plain = "".join(_resolved(sign) for _, sign in signs)

    def found(self, find: Find) -> tuple[Span, ...]:
        """What `find` finds in the text, as it is written and as it reads; whole escapes only."""
        starts = self.starts
        through = [Span(starts[span.start], starts[span.end], span.detector) for span in find(self.plain)]
        return tuple(dict.fromkeys([*through, *(_aligned(span, starts) for span in find(self.text))]))


def _resolved(sign: str) -> str:
    return sign if len(sign) == 1 else str(json.loads(f'"{sign}"'))


def _aligned(span: Span, starts: list[int]) -> Span:
    """The span widened to whole escapes."""
    start, end = bisect_right(starts, span.start) - 1, bisect_left(starts, span.end)
    return Span(starts[start], starts[end], span.detector)


_BEGINS_JSON: Final = re.compile(r"\{[\"}]?|\[[\[{\"\]0-9-]?")
"""The first two signs of an object or array, white space apart; prose may begin with a bracket too."""


@dataclass(frozen=True, slots=True)
class Written:
    """Where in a text that may be JSON a replacement is put: outside of it, inside a string of it, or in the place of a value."""

    head: str = ""
    quoted: bool = False
    escaped: bool = False

    def after(self, text: str) -> Written:
        """The same, so many characters later."""
        head = self.head if len(self.head) == 2 else (self.head + "".join(text.split())[:2])[:2]
        if not _BEGINS_JSON.fullmatch(head):
            return self if head == self.head else Written(head)
        quoted, escaped = self.quoted, self.escaped
        for sign in text:
            if escaped:
                escaped = False
            elif sign == "\\":
                escaped = quoted
            elif sign == '"':
                quoted = not quoted
        return Written(head, quoted, escaped)

    def fitted(self, replacement: str) -> str:
        """The replacement as it must be written here."""
        if not _BEGINS_JSON.fullmatch(self.head):
            return replacement
        written = json.dumps(replacement, ensure_ascii=False)
        return written[1:-1] if self.quoted else written
