"""The billing rows of sessions that are over: written behind their records, and at the next start where a crash came between."""

from __future__ import annotations

from datetime import UTC
from datetime import datetime
from datetime import timedelta
from typing import TYPE_CHECKING

from addons.record import write
from realtime.billing import rows
from store.lines import Row
from store.log import Log

if TYPE_CHECKING:
    from realtime.session import Session


def bill(log: Log, session: Session) -> None:
    """Write the rows of a session that is over; one that never opened has none."""
    if session.was_open:
        _write(log, {**session.opening_record(), **session.closing_record()})


def complete(log: Log, day: str) -> None:
    """Write the rows that sessions of a day still lack. May be interrupted and repeated. Raises LogUnavailable, LogFormat."""
    begun = datetime.fromisoformat(day).replace(tzinfo=UTC)
    ended = [record for record in log.sessions(since=begun, until=begun + timedelta(days=1), limit=None) if record["ended_at"] is not None]
    missing = [(record, row) for record in ended for row in rows(record)]
    if missing:
        billed = {(row["session"], row["row"]) for row in log.reader.billing(since=begun)}
        for record, row in missing:
            if (record["id"], row["row"]) not in billed:
                write(log.billed, row)


def _write(log: Log, record: Row) -> None:
    for row in rows(record):
        write(log.billed, row)
