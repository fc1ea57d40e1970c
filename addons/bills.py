"""The billing rows of sessions that are over: written behind their records, and at the next start where a crash came between."""

from __future__ import annotations

from datetime import UTC
from datetime import datetime
from typing import Final

from addons.record import write
from realtime.billing import rows
from realtime.session import Session
from store.lines import Row
from store.log import Log
from store.recovery import Recovery

_LAST_DAYS: Final = 2
"""Days of the log in which rows are looked for that a crash left out."""


def bill(log: Log, session: Session) -> None:
    """Write the rows of a session that is over; one that never opened has none."""
    if session.was_open:
        _write(log, {**session.opening_record(), **session.closing_record()})


def complete(log: Log, recovery: Recovery) -> None:
    """Write the rows that sessions of earlier runs still lack. Raises LogUnavailable, LogFormat."""
    days = sorted({*log.reader.days()[-_LAST_DAYS:], *(session.ended_at[:10] for session in recovery.sessions)})
    since = _midnight(days[0]) if days else None
    billed = {row["session"] for row in log.reader.billing(since=since)}
    records = {record["id"]: record for record in log.sessions(since=since, limit=None)}
    records |= {record["id"]: record for completed in recovery.sessions if (record := log.session(completed.session)) is not None}
    for record in records.values():
        if record["ended_at"] is not None and record["id"] not in billed:
            _write(log, record)


def _write(log: Log, record: Row) -> None:
    for row in rows(record):
        write(log.billed, row)


def _midnight(day: str) -> datetime:
    return datetime.fromisoformat(day).replace(tzinfo=UTC)
