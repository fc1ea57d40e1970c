"""CSV (RFC 4180) that is safe to open: no cell is a formula, none has an escape sequence or an invisible character in it."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from collections.abc import Sequence
from typing import Final
from typing import Protocol

from cli.plain import plain

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""How a text begins that a spreadsheet would compute, or that becomes so when what is before it is left out."""


class Writable(Protocol):
    """What text is written to."""

    def write(self, text: str, /) -> object: ...


def write_csv(to: Writable, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A line of names, then the rows as they come."""
    writer = csv.writer(to)
    writer.writerow(columns)
    writer.writerows([_cell(value) for value in row] for row in rows)


def _cell(value: object) -> object:
    """Numbers stay numbers, structures are JSON; a text that would be computed gets an apostrophe before it."""
    if value is None or isinstance(value, int | float):
        return value
    raw = json.dumps(value) if isinstance(value, dict | list) else str(value)
    text = plain(raw)
    return f"'{text}" if raw.startswith(_FORMULA) or text.lstrip().startswith(_FORMULA) else text
