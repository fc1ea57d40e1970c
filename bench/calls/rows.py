"""From samples to rows: one for each peer and rung, with medians over the rounds and what a relay adds to the direct way."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from statistics import median
from typing import Final

from bench.run import Row
from bench.run import Sample

BASE: Final = "direct"
_ADDED: Final = ("audio_p50_ms", "audio_p99_ms", "event_p50_ms", "event_p99_ms")


def medians(samples: Sequence[Sample]) -> Sample:
    """Of each figure that every sample has."""
    names = [name for name in samples[0] if all(name in sample for sample in samples)]
    return {name: median(sample[name] for sample in samples) for name in names}


def added(row: Row, base: Mapping[str, float], figures: Iterable[str] = _ADDED) -> Row:
    """The row, with the difference to the direct way for each of the figures that both have."""
    return row | {f"{name}_added": row[name] - base[name] for name in figures if name in row and name in base}


def _a_core(row: Row) -> Row:
    """How many calls a core would carry at this cost."""
    costs = {"calls_per_core": "whole_ms", "calls_per_media_core": "media_ms"}
    return row | {name: 1_000 / row[cost] for name, cost in costs.items() if cost in row}


def rungs(samples: Iterable[tuple[str, Sample]]) -> list[Row]:
    """A row for each peer and rung (calls at once, events a second), in the order in which they were first measured."""
    found: dict[tuple[str, float, float], list[Sample]] = defaultdict(list)
    for peer, sample in samples:
        found[peer, sample["calls"], sample["events_per_s"]].append(sample)
    merged = {key: medians(several) for key, several in found.items()}
    rows = []
    for (peer, calls, events), figures in merged.items():
        row: Row = {"about": "load", "peer": peer, **figures}
        rows.append(_a_core(row if peer == BASE else added(row, merged.get((BASE, calls, events), {}))))
    return rows
