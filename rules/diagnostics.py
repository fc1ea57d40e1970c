"""What is wrong with a rules file and where, with stable codes; a rendered diagnostic never shows a literal secret."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final
from typing import Literal

Severity = Literal["error", "warning"]

CODES: Final[dict[str, Severity]] = {
    "VT001": "error",
    "VT002": "error",
    "VT003": "error",
    "VT010": "error",
    "VT011": "error",
    "VT012": "error",
    "VT020": "error",
    "VT021": "warning",
    "VT030": "error",
    "VT031": "error",
    "VT032": "error",
    "VT040": "error",
    "VT041": "warning",
    "VT042": "warning",
    "VT043": "warning",
    "VT050": "error",
    "VT051": "error",
    "VT060": "error",
    "VT061": "error",
    "VT062": "warning",
}
"""Every code with its severity; docs/diagnostics.md has the cause and the fix of each."""

_WIDTH: Final = 120


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding. `line` and `column` count from 1; `source` is the line it is about, secrets hidden."""

    code: str
    message: str
    line: int
    column: int
    severity: Severity = "error"
    hint: str = ""
    source: str = ""

    def render(self, name: str = "rules.yaml") -> str:
        """`name:line:column: CODE message`, then the line with a caret, then the hint; safe for a terminal."""
        mark = "" if self.severity == "error" else " [warning]"
        rows = [f"{name}:{self.line}:{self.column}: {self.code} {self.message}{mark}"]
        if self.source:
            rows += _excerpt(self.source, self.column - 1)
        if self.hint:
            rows.append(f"  hint: {self.hint}")
        return "\n".join(printable(row) for row in rows)


def nearest(word: str, known: Iterable[str]) -> str:
    """`did you mean 'x'?` for the closest known word, or "" where none is close."""
    close = get_close_matches(word, [*known], 1)
    return f"did you mean {close[0]!r}?" if close else ""


def printable(text: str) -> str:
    """`text` without control characters, bidirectional marks and the like, which could forge a terminal's output."""
    return "".join(sign if sign.isprintable() else " " if sign == "\t" else "�" for sign in text)


def _excerpt(source: str, column: int) -> list[str]:
    start = max(0, column - _WIDTH * 2 // 3) if len(source) > _WIDTH else 0
    return ["    " + source[start : start + _WIDTH], "    " + " " * (column - start) + "^"]
