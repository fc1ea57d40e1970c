"""The newest sessions of a long day from the end of its file: what a first page shows, before it is known where the day's records stand."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from store.errors import LogFormat
from store.files import end_of_lines
from store.files import reading
from store.lines import DecodeError
from store.lines import Row
from store.lines import beginning
from store.lines import decode
from store.tables import SESSIONS
from store.tables import Tables

STEPS: Final = (2 << 20, 8 << 20)
"""Bytes from the end that are looked at; of a file that is not twice as long all can be looked at as quickly."""
_OWN: Final = beginning(SESSIONS)


def newest(path: Path, count: int) -> list[Row] | None:
    """So many sessions, those that began last first; None where the end of the file does not tell for certain. Raises OSError.

    A session is written when it begins: what stands before a line began before that line was written.
    """
    with reading(path) as descriptor:
        if descriptor is None:
            return None
        end = end_of_lines(descriptor)
        for size in STEPS:
            if end < 2 * size:
                return None
            found = _last(os.pread(descriptor, size, end - size).split(b"\n")[1:-1], count)
            if found is not None:
                return found
    return None


def _last(lines: list[bytes], count: int) -> list[Row] | None:
    tables = Tables()
    try:
        first = decode(lines[0]).at
        for line in (decode(line) for line in lines if line.startswith(_OWN)):
            if line.clear or line.drop:
                return None
            tables.apply(line)
    except (DecodeError, LogFormat, ValueError, IndexError):
        return None
    rows = sorted(tables.rows.get(SESSIONS, {}).values(), key=lambda row: str(row.get("started_at")))[::-1][:count]
    certain = len(rows) == count and bool(first) and str(rows[-1].get("started_at")) > first
    return rows if certain else None
