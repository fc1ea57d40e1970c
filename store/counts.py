"""Findings counted by what they have in common: hits of each policy, of each key, and so on."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Sequence
from typing import Final

from store.lines import Row

BY: Final[dict[str, tuple[str, ...]]] = {
    "policy": ("policy", "mode", "action"),
    "key": ("principal",),
    "kind": ("kind",),
    "severity": ("severity",),
    "action": ("action",),
    "mode": ("mode",),
    "provider": ("provider",),
    "model": ("model",),
    "route": ("route",),
    "session": ("session",),
    "event": ("event_type",),
    "day": ("day",),
}
"""What findings are counted by, and the fields of each that must be the same. What a policy did belongs to it."""

FIGURES: Final = ("hits", "sessions", "first", "last")

_NEEDED: Final = frozenset({"policy"})
"""Findings without a value for these are left out: they are about something else."""


def fields_of(by: Sequence[str]) -> tuple[str, ...]:
    """The fields of a row, each once, in the order asked for. Raises KeyError for what nothing is counted by."""
    return tuple(dict.fromkeys(field for name in by for field in BY[name]))


def counted(findings: Iterable[Row], by: Sequence[str]) -> list[Row]:
    """Rows `{field: value, …, hits, sessions, first, last}`, most hits first; `first` and `last` are times of findings."""
    fields = fields_of(by)
    needed = _NEEDED.intersection(fields)
    groups: dict[tuple[object, ...], list[Row]] = {}
    for finding in findings:
        if all(finding.get(field) is not None for field in needed):
            groups.setdefault(tuple(_value(finding, field) for field in fields), []).append(finding)
    rows = [dict(zip(fields, values, strict=True)) | _figures(found) for values, found in groups.items()]
    return sorted(rows, key=lambda row: (-row["hits"], [str(row[field]) for field in fields]))


def _value(finding: Row, field: str) -> object:
    return finding["at"][:10] if field == "day" else finding.get(field)


def _figures(found: Sequence[Row]) -> Row:
    times = [finding["at"] for finding in found]
    return {
        "hits": len(found),
        "sessions": len({finding["session"] for finding in found if finding.get("session")}),
        "first": min(times),
        "last": max(times),
    }
