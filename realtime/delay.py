"""What the proxy itself added: how long bytes stayed here, from their arrival to the write, one sample a read."""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

_EDGES: Final = (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.05)


class Delay:
    """Mean, maximum and a coarse distribution of delays in seconds, in constant memory."""

    __slots__ = ("buckets", "count", "maximum", "total")

    def __init__(self) -> None:
        self.count = 0
        self.total = 0.0
        self.maximum = 0.0
        self.buckets = [0] * (len(_EDGES) + 1)

    def add(self, seconds: float) -> None:
        """Count one read."""
        self.count += 1
        self.total += seconds
        if seconds > self.maximum:
            self.maximum = seconds
        self.buckets[bisect_left(_EDGES, seconds)] += 1

    def record(self) -> dict[str, float]:
        """`mean`, `p99` (the upper edge of its bucket, at most the maximum) and `max`, in milliseconds."""
        if not self.count:
            return {}
        return {
            "mean_ms": round(self.total / self.count * 1000, 3),
            "p99_ms": round(min(self._edge(0.99), self.maximum) * 1000, 3),
            "max_ms": round(self.maximum * 1000, 3),
        }

    def _edge(self, share: float) -> float:
        seen = 0
        for edge, number in zip((*_EDGES, self.maximum), self.buckets, strict=True):
            seen += number
            if seen >= self.count * share:
                return edge
        return self.maximum
