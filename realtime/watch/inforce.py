"""What instructions and tools a session runs with, as far as that can be told from what crossed. Bounded; holds digests, no texts."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from typing import Final
from typing import Literal

from realtime.recent import Recent
from realtime.watch.marks import Mark
from realtime.watch.marks import digest
from realtime.watch.marks import restored
from realtime.watch.places import Place

MAX_PLACES: Final = 32
"""Places that are told apart; when so many were set, setting another one counts as a change."""
_WAITING: Final = 16
_OVERRIDES: Final = 64
_UNKNOWN: Final = ""
_NONE: Final = Mark({}, "")

How = Literal["changed", "appended", "overridden"]


@dataclass(frozen=True, slots=True)
class Change:
    """Instructions or tools that are not any more what they were; `overridden` for one answer alone.

    `before` and `after` are digests of instructions, the tuples names of tools.
    """

    aspect: Literal["instructions", "tools"]
    how: How
    place: Place
    before: str = ""
    after: str = ""
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()


class InForce:
    """Shared by the sessions of one call. `asked` is what clients set, `told` what the provider reported last, each by its slot."""

    def __init__(self, record: Mapping[str, Any] | None = None) -> None:
        self.asked: dict[str, Mark] = {slot: restored(kept) for slot, kept in (record or {}).items()}
        self._told: dict[str, Mark] = {}
        self._waiting: dict[str, deque[str]] = {}
        """What was asked since the provider reported something that was asked, oldest first."""
        self._lost: set[str] = set()
        """Slots of which more was asked at once than is waited for: reports prove nothing until they have caught up."""
        self._overrides: Recent[tuple[str, str], None] = Recent(_OVERRIDES)

    def record(self) -> dict[str, Any]:
        """What was asked, as it can be kept."""
        return {slot: kept.record() for slot, kept in self.asked.items()}

    def change(self, place: Place, made: Mark) -> Change | None:
        """How a setting differs from what is in force; None for the first of its slot, and for the same again."""
        before = self.asked.get(place.slot)
        if before is None:
            return _change(place, "changed", _NONE, made) if len(self.asked) >= MAX_PLACES else None
        return _change(place, "changed", before, made) if before.parts != made.parts else None

    def set(self, place: Place, made: Mark) -> None:
        """A setting crossed."""
        if place.value is None and place.slot not in self.asked:
            return
        if place.slot in self.asked or len(self.asked) < MAX_PLACES:
            self.asked[place.slot] = made
            waiting = self._waiting.setdefault(place.slot, deque(maxlen=_WAITING))
            if len(waiting) == _WAITING:
                self._lost.add(place.slot)
            waiting.append(made.loose)

    def override(self, place: Place, made: Mark) -> Change | None:
        """How an answer of its own differs from what is in force; None where nothing is, or the same did so before."""
        before = self.asked.get(place.slot)
        if before is None or before.parts == made.parts or (place.slot, made.loose) in self._overrides:
            return None
        return _change(place, "overridden", before, made)

    def overridden(self, place: Place, made: Mark) -> None:
        """The request of such an answer crossed."""
        if place.slot in self.asked:
            self._overrides[place.slot, made.loose] = None

    def append(self, place: Place, made: Mark) -> Change:
        """Instructions would be added to those in force."""
        before, after = self._appended(place, made)
        return Change("instructions", "appended", place, before, after)

    def appended(self, place: Place, made: Mark) -> None:
        """They crossed; what the provider will report is not known."""
        self.asked[place.slot] = Mark({"": self._appended(place, made)[1]}, _UNKNOWN)
        self._told.pop(place.slot, None)
        self._waiting.pop(place.slot, None)
        self._lost.discard(place.slot)

    def _appended(self, place: Place, made: Mark) -> tuple[str, str]:
        before = self.asked.get(place.slot)
        first = before.exact if before is not None else ""
        return first, digest(first + made.exact)

    def report(self, place: Place, made: Mark, *, opening: bool) -> Change | None:
        """The provider says what is in force: a change where that is neither what it said before nor what anybody asked.

        `opening` is what it says unasked when the session begins.
        """
        told, asked = self._told.get(place.slot), self.asked.get(place.slot)
        if place.slot in self._told or len(self._told) < MAX_PLACES:
            self._told[place.slot] = made
        if place.slot in self._lost:
            self._catch_up(place.slot, made)
            return None
        waiting = self._waiting.get(place.slot, ())
        if made.loose in waiting:
            self._waiting[place.slot] = deque(list(waiting)[list(waiting).index(made.loose) + 1 :], maxlen=_WAITING)
            return None
        known = told or (None if opening or asked is None or asked.loose == _UNKNOWN else asked)
        if known is None or made.loose in {mark.loose for mark in (known, asked) if mark is not None}:
            return None
        return _change(place, "changed", asked or known, made)

    def _catch_up(self, slot: str, made: Mark) -> None:
        """The provider reports something while more was asked than is waited for."""
        if made.loose == self.asked[slot].loose:
            self._lost.discard(slot)
            self._waiting.pop(slot, None)


def _change(place: Place, how: How, before: Mark, after: Mark) -> Change:
    if place.aspect == "instructions":
        return Change("instructions", how, place, before.exact, after.exact)
    added, removed = after.parts.keys() - before.parts.keys(), before.parts.keys() - after.parts.keys()
    differing = (name for name in after.parts.keys() & before.parts.keys() if after.parts[name] != before.parts[name])
    return Change("tools", how, place, added=_names(added), removed=_names(removed), changed=_names(differing))


def _names(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(names))
