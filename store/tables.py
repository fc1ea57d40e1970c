"""What the lines of a file add up to: tables of documents by id, as TinyDB expects them from a storage."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field
from typing import Final

from store.lines import Ids
from store.lines import Line
from store.lines import Row

Rows = dict[str, Row]

SESSIONS: Final = "sessions"
TURNS: Final = "turns"
FINDINGS: Final = "findings"
BILLING: Final = "billing"
ERASED: Final = "erased"
"""Whose content is gone, one record a session."""
ERASURES: Final = "erasures"
"""What was done about it, one record an act."""


@dataclass(slots=True)
class Tables:
    """Documents by table and id; the highest id ever used in each table; lines applied, and at which of them a table changed."""

    rows: dict[str, Rows] = field(default_factory=dict)
    highest: dict[str, int] = field(default_factory=dict)
    changed: dict[str, int] = field(default_factory=dict)
    changes: int = 0

    def apply(self, line: Line) -> None:
        """Do what the line says. Fields for a document that is not there are ignored. Raises ValueError, with nothing done."""
        self.count(line)
        if line.clear:
            self.rows.pop(line.table, None)
        rows = self.rows.setdefault(line.table, {}) if line.put else self.rows.get(line.table, {})
        rows.update(line.put)
        for key, fields in line.set.items():
            if key in rows:
                rows[key].update(fields)
        for number in line.drop:
            rows.pop(str(number), None)

    def count(self, line: Line | Ids) -> None:
        """Only remember the ids that the line uses. Raises ValueError for one that is no number."""
        highest = max(map(int, line.put), default=0)
        self.highest[line.table] = max(self.highest.get(line.table, 0), highest)
        self.changes += 1
        self.changed[line.table] = self.changes

    def reset(self) -> None:
        """Forget everything, because the file begins anew."""
        self.changes += 1
        self.changed = dict.fromkeys(self.changed, self.changes)
        self.rows.clear()
        self.highest.clear()
