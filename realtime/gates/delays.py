"""What holding cost the listener: how long the first sound of each answer waited, and the longest wait."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Held:
    """Of one answer: how long its first sound waited, and the longest that any did, in seconds."""

    first: float
    longest: float

    def then(self, seconds: float) -> Held:
        """More of it waited so long."""
        return Held(self.first, max(self.longest, seconds))

    def record(self) -> dict[str, float]:
        """The record's form, milliseconds."""
        return {"first_ms": _ms(self.first), "longest_ms": _ms(self.longest)}


@dataclass(slots=True)
class Delays:
    """Of one session; seconds."""

    answers: int = 0
    """Answers whose sound waited."""
    first_total: float = 0.0
    first_longest: float = 0.0
    longest: float = 0.0
    dropped: int = 0
    """Messages with sound that did not go on."""

    def began(self, seconds: float) -> None:
        """The first sound of an answer went on after so long."""
        self.answers += 1
        self.first_total += seconds
        self.first_longest = max(self.first_longest, seconds)
        self.waited(seconds)

    def waited(self, seconds: float) -> None:
        """Some sound went on after so long."""
        self.longest = max(self.longest, seconds)

    def add(self, other: Delays) -> None:
        """Those of another session as well."""
        self.answers += other.answers
        self.first_total += other.first_total
        self.first_longest = max(self.first_longest, other.first_longest)
        self.longest = max(self.longest, other.longest)
        self.dropped += other.dropped

    def record(self) -> dict[str, object] | None:
        """The record's form, milliseconds; None where nothing waited."""
        if not self.answers and not self.dropped:
            return None
        mean = self.first_total / self.answers if self.answers else 0.0
        first = {"mean": _ms(mean), "max": _ms(self.first_longest)}
        return {"answers": self.answers, "first_ms": first, "longest_ms": _ms(self.longest), "dropped": self.dropped}


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)
