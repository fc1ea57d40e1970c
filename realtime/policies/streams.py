"""The texts of one session that are coming in pieces, and which policies have spoken about which text.

A text is closed by the message that carries the whole of it, or by the end of its answer; how many are open is bounded.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence
from itertools import groupby
from typing import Final

from realtime.frame import Frame
from realtime.policies.passage import Passage
from realtime.policies.passage import Window
from realtime.policies.policy import Applicable
from realtime.policies.policy import Policy
from realtime.recent import Recent
from realtime.texts import Stream
from realtime.texts import Text

_OPEN: Final = 64
_REMEMBERED: Final = 256

Words = tuple[str | None, int, str]


class Streams:
    """All open texts, both directions."""

    __slots__ = ("_dialect", "_spoken", "_window", "open")

    def __init__(self, dialect: str, window: Window) -> None:
        self._dialect = dialect
        self._window = window
        self.open: dict[tuple[bool, Stream], Passage] = {}
        self._spoken: Recent[Words, dict[str, None]] = Recent(_REMEMBERED)

    def feed(self, found: tuple[Text, ...], frame: Frame, now: float, policies: Applicable) -> list[Passage]:
        """Take in the deltas and drafts among the texts of a message; of those that someone looks at, or that are open already."""
        fed = []
        for group in _together(found):
            first = group[0]
            passage = self._passage(first.stream, frame.from_client, policies) if first.stream is not None else None
            if passage is not None:
                value = first.value if len(group) == 1 else "".join(text.value for text in group)
                passage.feed(value, frame, first.keys, now, draft=first.part == "draft")
                fed.append(passage)
        return fed

    def _passage(self, stream: Stream, from_client: bool, policies: Applicable) -> Passage | None:
        passage = self.open.get((from_client, stream))
        watching = policies.watching(stream.kind)
        if passage is None and watching:
            passage = self.open[from_client, stream] = Passage(stream, from_client, self._window)
        if passage is not None:
            passage.watch(watching)
        return passage

    def overflow(self) -> Iterator[Passage]:
        """The oldest texts beyond the bound, which are open no longer."""
        while self.is_crowded:
            yield self.open.pop(next(iter(self.open)))

    def closed_by(self, found: tuple[Text, ...], answer: tuple[str | None] | None, frame: Frame) -> list[Passage]:
        """The texts that a message ends: those it carries in whole, and those of the answer that ends with it."""
        ended = {text.stream.words for text in found if text.part == "final" and text.stream is not None}
        if not ended and answer is None:
            return []
        closed = [
            key
            for key in self.open
            if key[0] == frame.from_client and (key[1].words in ended or (answer is not None and key[1].owner in (answer[0], None)))
        ]
        return [self.open.pop(key) for key in closed]

    def drop(self, passages: list[Passage]) -> None:
        """Forget what these texts hold."""
        for passage in passages:
            self.open.pop((passage.from_client, passage.stream), None)

    def is_news(self, stream: Stream | None, policy: Policy) -> bool:
        """Whether a policy speaks about this text for the first time; from then on it has."""
        if stream is None:
            return True
        spoken = self._spoken[stream.words] = self._spoken.get(stream.words) or {}
        if policy.id in spoken:
            return False
        spoken[policy.id] = None
        return True

    def spoken(self, stream: Stream) -> tuple[str, ...]:
        """The policies that matched this text."""
        return tuple(self._spoken.get(stream.words, ()))

    @property
    def is_crowded(self) -> bool:
        """Whether there are more open texts than may be."""
        return len(self.open) > _OPEN

    @property
    def has_spoken(self) -> bool:
        """Whether any policy matched any text."""
        return bool(self._spoken)

    @property
    def quiet(self) -> bool:
        """Whether there is nothing to remember, so that a message without policies of its own needs no look."""
        return not self.open and not self._spoken


def _together(found: tuple[Text, ...]) -> Sequence[Sequence[Text]]:
    """The pieces among texts, those of one text that follow each other together."""
    if len(found) == 1:
        return (found,) if found[0].part in ("delta", "draft") else ()
    pieces = [text for text in found if text.part in ("delta", "draft")]
    return [list(group) for _, group in groupby(pieces, key=lambda text: (text.stream, text.part))]


def watches(policy: Policy, stream: Stream) -> bool:
    """Whether a policy reads this text as it comes."""
    return policy.condition.reads(stream.kind)
