"""The rows of one table of a day as they stand at its end, one after the other, without all of them in memory.

A row is given when the last line that changes it has been read; so only rows that are still going to change wait.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from itertools import islice

from store.lines import Line
from store.lines import Row
from store.tables import Tables


def settled(lines: Callable[[], Iterable[Line]], table: str) -> Iterator[Row]:
    """`lines` reads the same lines of the table each time; more that follow meanwhile are left out."""
    last, count = _last(lines())
    tables = Tables()
    for number, line in enumerate(islice(lines(), count)):
        tables.apply(line)
        rows = tables.rows.get(table, {})
        for key in [key for key in (*line.put, *line.set) if last.get(key) == number]:
            if key in rows:
                yield rows.pop(key)


def _last(lines: Iterable[Line]) -> tuple[dict[str, int], int]:
    """By document the number of the last line that changes it, and how many lines there are; nothing of what is gone."""
    last: dict[str, int] = {}
    count = 0
    for number, line in enumerate(lines):
        if line.clear:
            last.clear()
        last.update(dict.fromkeys((*line.put, *line.set), number))
        for gone in line.drop:
            last.pop(str(gone), None)
        count = number + 1
    return last, count
