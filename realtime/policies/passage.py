"""A text that comes in pieces, and the window that holds back its end until it is clear what belongs together.

What leaves is final. Held are `characters` of the text, none longer than `seconds`; a match that is no longer than that,
wherever the pieces were cut, is either whole inside of it or has not begun. A value of a detector that has begun is held
from its beginning while it goes on, be it longer: at most as long as such a value can be, `pause` seconds after its last piece
and `begun` seconds in all. Behind the window a context is kept, so that a match is told from a part of a longer word, and one
that goes on is followed to its end.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from dataclasses import field
from typing import Final
from typing import Literal

from realtime.conditions import Span
from realtime.detectors.begun import Beginnings
from realtime.frame import Frame
from realtime.jsonpath import Keys
from realtime.policies.escapes import Written
from realtime.policies.holding import Holding
from realtime.policies.holding import sought
from realtime.policies.policy import Applicable
from realtime.policies.policy import Policy
from realtime.policies.redaction import Redaction
from realtime.policies.redaction import merged
from realtime.texts import Stream

CONTEXT: Final = 256
"""Characters that are kept of what has left, for patterns."""
NEAR: Final = 128
"""The same for detectors, which say themselves what has begun."""
LONGEST: Final = 8192
"""Characters over which one match is followed."""


_BEGINNING: Final = Written()

Ending = Literal["open", "broken", "whole"]
"""What is known of a text's end: more may come; it was broken off, so that what has begun is never told to be nothing; it is over."""


@dataclass(frozen=True, slots=True)
class Window:
    """How much of a text may be held back, and how long; `pause` and `begun` are for values that have begun."""

    characters: int = 64
    seconds: float = 0.3
    pause: float = 2.0
    begun: float = 10.0


@dataclass(slots=True, eq=False)
class Passage:
    """The end of one text, with positions counted from its beginning: `base` is where `text` starts, up to `decided` it has left.

    `redactors` are the policies that may change it. `seen` is, by policy, where what it last found ends.
    """

    stream: Stream
    from_client: bool
    window: Window
    text: str = ""
    base: int = 0
    decided: int = 0
    fresh: int = 0
    """Where the newest piece starts."""
    drafted: bool = False
    redactors: tuple[Policy, ...] = ()
    watchers: tuple[Policy, ...] = ()
    """The policies that look at it."""
    seen: dict[str, int] = field(default_factory=dict)
    allowed: Policy | None = None
    """The policy that allowed this text, so that those after it have no say: they are `silenced`."""
    silenced: tuple[Policy, ...] = ()
    frame: Frame | None = None
    keys: Keys = ()
    released: int = 0
    """How many messages of our own were made from it."""
    _open: int = -1
    """Where the match starts that reaches to `decided`; -1 where none does."""
    _waits: bool = False
    """Whether what has waited long enough waits on, since it has begun."""
    _written: Written = _BEGINNING
    _arrived: deque[tuple[float, int]] = field(default_factory=deque)
    _kept: int = 0
    """From where on the text is needed for what has begun in it."""
    _context: int = CONTEXT
    _redacted: Beginnings | None = None
    _watched: Beginnings | None = None

    @property
    def end(self) -> int:
        return self.base + len(self.text)

    @property
    def holds(self) -> bool:
        return self.decided < self.end

    @property
    def since(self) -> float | None:
        """When what has waited longest came; None while nothing waits."""
        return self._arrived[0][0] if self.holds and self._arrived else None

    @property
    def deadline(self) -> float | None:
        """When what has waited longest must leave."""
        if self.since is None:
            return None
        waiting = min(self.since + self.window.begun, self._arrived[-1][0] + self.window.pause)
        return waiting if self._waits else self.since + self.window.seconds

    def watch(self, policies: Applicable) -> None:
        """These policies look at it from now on."""
        self.redactors = policies.redactors
        if policies is not self.watchers and policies != self.watchers:
            self.watchers = policies
            self._watched, self._redacted = sought(policies), sought(self.redactors)
            self._context = CONTEXT if any(policy.condition.regex is not None for policy in policies) else NEAR

    def feed(self, value: str, frame: Frame, keys: Keys, now: float, *, draft: bool) -> None:
        """The next piece, or the whole text so far in the place of the last draft."""
        self.frame, self.keys, self.drafted = frame, keys, draft
        if draft:
            kept = _common(self.text, value)
            self._arrived = deque((at, min(end, kept)) for at, end in self._arrived)
            self.text, self.base, self.fresh, self.decided = value, 0, kept, min(self.decided, len(value))
        else:
            self._forget()
            self.fresh = self.end
            self.text += value
        self._arrived.append((now, self.end))

    def settle(self, wanted: list[Redaction], now: float, ending: Ending = "open") -> tuple[str, list[Redaction]]:
        """What leaves now, redacted, and what was redacted in it; of a draft all of it again. `wanted` counts from `text`."""
        if ending == "whole" and not wanted and not self.drafted:
            return self._left(), []
        cut = max(self.decided, self._cut(now) if ending == "open" else self._ended(ending))
        start, written = self.decided, self._written
        if self.drafted:
            start, written, self._open = 0, _BEGINNING, -1
        out: list[str] = []
        made: list[Redaction] = []
        for one in merged(wanted):
            begin, end = one.start + self.base, one.end + self.base
            if end <= start:
                continue
            if begin >= cut:
                break
            cut = max(cut, end)
            passed = self._between(start, begin)
            written = written.after(passed)
            out.append(passed)
            if not (begin < start and self._open >= 0):
                out.append(written.fitted(one.instead))
                made.append(one)
            written = written.after(self._between(max(start, begin), end))
            self._open, start = begin, end
        rest = self._between(start, cut)
        if rest:
            self._open = -1
        self.decided, self._written = cut, written.after(rest)
        self._settled()
        self._kept = self._needed()
        return "".join(out) + rest, made

    def _left(self) -> str:
        """All the rest of a text leaves as it is."""
        rest = self.text[max(self.decided - self.base, 0) :]
        if rest:
            self._open = -1
        self.decided, self._written = self.end, self._written.after(rest)
        self._arrived.clear()
        self._kept = self._needed()
        return rest

    def first_new(self, policy: Policy, spans: tuple[Span, ...]) -> tuple[Span, ...] | None:
        """The spans of `text` from the first on that the newest piece completes and the policy had not found before.

        None where there is none; () in, which stands for all of the text, gives () out.
        """
        known = self.seen.get(policy.id, -1)
        for number, span in enumerate(spans):
            if span.end + self.base >= self.fresh and span.start + self.base >= known:
                self.seen[policy.id] = span.end + self.base
                return spans[number:]
        return None if spans else ()

    def _between(self, start: int, end: int) -> str:
        return self.text[max(start - self.base, 0) : max(end - self.base, 0)]

    def _ended(self, ending: Ending) -> int:
        """Up to where the text leaves at its end."""
        if ending == "whole" or self._redacted is None:
            return self.end
        return Holding(self._redacted, self.text, self.base).unfinished()

    def _cut(self, now: float) -> int:
        """Up to where the text leaves."""
        window = self.window
        full, due, self._waits = self.end - window.characters, self._due(now, window.seconds), False
        if self._redacted is None or max(full, due) <= self.decided:
            return max(full, due)
        begun = Holding(self._redacted, self.text, self.base)
        if full > self.decided:
            full = begun.crossing(full)
        if due > self.decided and due > (opened := begun.unfinished()):
            due, self._waits = opened, True
        late = self.end if self._arrived[-1][0] + window.pause <= now else self._due(now, window.begun)
        return max(full, due, late, begun.furthest(window.characters))

    def _due(self, now: float, seconds: float) -> int:
        """Up to where the text has waited so long."""
        return max((end for at, end in self._arrived if at + seconds <= now), default=0)

    def _settled(self) -> None:
        while self._arrived and self._arrived[0][1] <= self.decided:
            self._arrived.popleft()

    def _needed(self) -> int:
        """Where the earliest begins of what has left, and may still become a value."""
        if self._watched is None:
            return self.decided
        if self.decided - self._context - self.base < NEAR:
            return self.base
        begun = Holding(self._watched, self.text, self.base)
        needed = min(self.decided, begun.crossing(max(self.base, self.end - self.window.characters)), begun.unfinished())
        return max(needed, begun.furthest(self.window.characters))

    def _forget(self) -> None:
        """Cut what is no longer needed as context, between two words where that is possible."""
        keep = min(self.decided, self._kept) - self._context
        if self._open >= 0:
            keep = min(keep, max(self._open, self.decided - LONGEST))
        if keep <= self.base:
            return
        space = self.text.rfind(" ", 0, keep - self.base)
        keep = self.base + space if space >= 0 and keep - self.base - space < CONTEXT else keep
        self.text, self.base = self.text[keep - self.base :], keep


def _common(one: str, other: str) -> int:
    """How many characters two texts begin with in common."""
    same, differs = 0, min(len(one), len(other)) + 1
    while differs - same > 1:
        middle = (same + differs) // 2
        same, differs = (middle, differs) if one[same:middle] == other[same:middle] else (same, middle)
    return same
