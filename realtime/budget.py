"""What sessions together have used of a budget in its period, and how fast new ones may come. Unix time is an argument, never read.

Each look at a session adds what it used since the look before, so a period only ever counts what was used in it, however
many sessions run and whenever they began.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from math import floor
from typing import Final
from typing import Literal
from typing import Protocol

Unit = Literal["usd", "tokens", "audio", "wall"]

UNITS: Final[tuple[Unit, ...]] = ("usd", "tokens", "audio", "wall")
WARN_AT: Final = 0.8
"""The share of a budget at which its owner is warned."""

_MONDAY: Final = 4 * 86400
"""Unix time of the first Monday: weeks begin there, days and hours are those of UTC anyway."""
_WORDS: Final[dict[Unit, str]] = {
    "usd": "{0} of {1:g} USD",
    "tokens": "{0} of {1:g} tokens",
    "audio": "{0} of {1:g} s of audio",
    "wall": "{0} of {1:g} s of open sessions",
}


class Allowance(Protocol):
    """A budget as the rules hold it; None where an amount is not limited, `per` None for once and for all."""

    @property
    def usd(self) -> float | None: ...
    @property
    def tokens(self) -> int | None: ...
    @property
    def audio(self) -> float | None: ...
    @property
    def wall(self) -> float | None: ...
    @property
    def per(self) -> float | None: ...


@dataclass(frozen=True, slots=True)
class Amounts:
    """US dollars, tokens, seconds of audio that the client sent, seconds of the open session."""

    usd: float = 0.0
    tokens: float = 0.0
    audio: float = 0.0
    wall: float = 0.0

    def __add__(self, other: Amounts) -> Amounts:
        return Amounts(self.usd + other.usd, self.tokens + other.tokens, self.audio + other.audio, self.wall + other.wall)

    def __sub__(self, other: Amounts) -> Amounts:
        return Amounts(self.usd - other.usd, self.tokens - other.tokens, self.audio - other.audio, self.wall - other.wall)

    def times(self, share: float) -> Amounts:
        return Amounts(self.usd * share, self.tokens * share, self.audio * share, self.wall * share)


NOTHING: Final = Amounts()


@dataclass(frozen=True, slots=True)
class Level:
    """How much of one amount is used."""

    unit: Unit
    used: float
    allowed: float

    @property
    def share(self) -> float:
        return self.used / self.allowed

    @property
    def spent(self) -> bool:
        return self.used >= self.allowed

    def __str__(self) -> str:
        digits = {"usd": 6, "tokens": 0}.get(self.unit, 1)
        text = f"{self.used:.{digits}f}"
        return _WORDS[self.unit].format(text.rstrip("0").rstrip(".") if digits else text, self.allowed)


class Account:
    """One budget, and what counts towards it. `seen` has for each live session what it had used at the last look."""

    def __init__(self, allowance: Allowance, now: float) -> None:
        self.allowance = allowance
        self.used = NOTHING
        self.seen: dict[str, Amounts] = {}
        self._period = self._period_at(now)
        self._said: set[str] = set()

    @property
    def limits_money(self) -> bool:
        return self.allowance.usd is not None

    def add(self, amounts: Amounts, now: float) -> None:
        """Count what was used now."""
        self._turn(now)
        self.used += amounts

    def observe(self, session: str, total: Amounts, now: float) -> None:
        """Count what a session has used since the last look at it, of its `total` so far."""
        self.add(total - self.seen.get(session, NOTHING), now)
        self.seen[session] = total

    def forget(self, session: str) -> None:
        """The session is over, its last look was taken."""
        self.seen.pop(session, None)

    def level(self, now: float) -> Level:
        """Of the amount of which the largest share is used."""
        self._turn(now)
        return max(self._levels(), key=lambda level: level.share)

    def first(self, what: str, now: float) -> bool:
        """Whether this is said for the first time in this period."""
        self._turn(now)
        if what in self._said:
            return False
        self._said.add(what)
        return True

    def anew_in(self, now: float) -> float | None:
        """Seconds until the budget starts anew; None where it never does."""
        per = self.allowance.per
        return None if per is None else max(0.0, self.since(self._period_at(now) + 1) - now)

    def since(self, period: int | None = None) -> float:
        """Unix time at which a period begins, by default this one; 0 for the only one."""
        per = self.allowance.per
        return 0.0 if per is None else _MONDAY + (self._period if period is None else period) * per

    def keeps_period(self, allowance: Allowance) -> bool:
        """Whether what was counted holds for another budget too."""
        return allowance.per == self.allowance.per

    def _levels(self) -> list[Level]:
        limits = [(unit, getattr(self.allowance, unit)) for unit in UNITS]
        return [Level(unit, getattr(self.used, unit), allowed) for unit, allowed in limits if allowed is not None]

    def _period_at(self, now: float) -> int:
        per = self.allowance.per
        return 0 if per is None else floor((now - _MONDAY) / per)

    def _turn(self, now: float) -> None:
        """A clock that is set back begins no period for a second time."""
        period = self._period_at(now)
        if period > self._period:
            self._period, self.used = period, NOTHING
            self._said.clear()


class Window:
    """When the sessions of the last while came: exactly, so that no stretch of that length ever has more than are allowed."""

    def __init__(self) -> None:
        self._times: deque[float] = deque()

    def wait(self, count: int, seconds: float, now: float) -> float:
        """Seconds until one more may come, 0 for now."""
        times = self._times
        while times and times[-1] > now:  # the clock was set back
            times.pop()
        while times and times[0] <= now - seconds:
            times.popleft()
        return 0.0 if len(times) < count else times[-count] + seconds - now

    def take(self, now: float) -> None:
        """One came."""
        self._times.append(now)

    def remember(self, times: Iterable[float]) -> None:
        """These came before, in any order."""
        self._times = deque(sorted((*times, *self._times)))


def share_since(started: float, ended: float, since: float) -> float:
    """How much of a session lies at or after a moment, by time: what is left to say of one that has only totals."""
    if since <= started:
        return 1.0
    return max(0.0, ended - since) / (ended - started) if ended > started else 0.0
