"""Billing rows as commands read them."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from cli.records import readable
from store import billed
from store.billed import Row
from store.billed import Total
from store.billed import added_up
from store.reader import LogReader

__all__ = ["Row", "Total", "added_up", "read_rows"]


def read_rows(data: Path, since: datetime | None, until: datetime | None, now: datetime) -> list[Row]:
    """As `store.billed.read_rows`. Raises Failure VT102."""
    with readable(data):
        return billed.read_rows(LogReader(data), since, until, now)
