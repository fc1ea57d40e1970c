"""What of a text in pieces must not be cut in two: whatever may be the beginning of a value that a policy redacts."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable
from typing import Final

from realtime.detectors.begun import Beginnings
from realtime.detectors.begun import beginnings
from realtime.policies.escapes import Escaped
from realtime.policies.policy import Policy

_HALF_ESCAPE: Final = re.compile(r"\\(?:u[0-9a-fA-F]{0,3})?\Z")


class Holding:
    """The beginnings in one text, seen through its escapes. Places count from `base`, where the text starts."""

    __slots__ = ("_base", "_beginnings", "_plain", "_starts", "_text")

    def __init__(self, found: Beginnings, text: str, base: int) -> None:
        self._beginnings = found
        self._base = base
        self._text = self._plain = text
        self._starts: list[int] | None = None
        if "\\" in text:
            escaped = Escaped(_HALF_ESCAPE.sub("", text))
            self._plain, self._starts = escaped.plain, escaped.starts

    def crossing(self, cut: int) -> int:
        """Where what stands across `cut` begins; `cut` where nothing does."""
        place = self._place(cut)
        begins = self._beginnings.crossing(self._plain, place)
        return cut if begins == place else self._absolute(begins)

    def unfinished(self) -> int:
        """Where a value begins that may go on behind the end; the end where none does."""
        begins = self._beginnings.unfinished(self._plain)
        return self._base + len(self._text) if begins == len(self._plain) else self._absolute(begins)

    def furthest(self, behind: int) -> int:
        """Where the earliest value begins that ended at most so many characters before the end."""
        return self._absolute(max(0, len(self._plain) - self._beginnings.longest - behind))

    def _place(self, cut: int) -> int:
        inside = cut - self._base
        return inside if self._starts is None else bisect_right(self._starts, inside) - 1

    def _absolute(self, place: int) -> int:
        return self._base + (place if self._starts is None else self._starts[place])


def sought(policies: Iterable[Policy]) -> Beginnings | None:
    """What the detectors of these policies look for; None where there are none."""
    return beginnings(frozenset(detector for policy in policies for detector in policy.condition.detectors))
