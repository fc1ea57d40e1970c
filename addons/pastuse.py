"""What earlier sessions used, as their records in the log say: read once where a budget begins to be watched, a day at a time."""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from typing import Any
from typing import Final

from realtime.budget import Amounts
from store.reader import LogReader

LONGEST: Final = 86400.0
"""Seconds that a session may have lasted which is still looked for before the moment of interest."""


@dataclass(frozen=True, slots=True)
class PastUse:
    """One session that is over. Times are Unix times."""

    principal: str
    route: str | None
    started: float
    ended: float
    used: Amounts


def past_use(reader: LogReader, *, since: float, until: float, known: Collection[str]) -> list[PastUse]:
    """The sessions that began before `until` and had not ended by `since`, oldest first, without those of `known` ids.

    Raises LogUnavailable, LogFormat.
    """
    first, last = _moment(max(0.0, since - LONGEST)), _moment(until)
    days = [day for day in reader.days() if first.date().isoformat() <= day <= last.date().isoformat()]
    return [past for day in days for past in _of_day(reader, day, last, known) if past.ended >= since]


def _of_day(reader: LogReader, day: str, until: datetime, known: Collection[str]) -> Iterator[PastUse]:
    begin = datetime.fromisoformat(day).replace(tzinfo=UTC)
    for record in reader.sessions(since=begin, until=min(begin + timedelta(days=1), until), limit=None, order="asc"):
        if record["ended_at"] is not None and record["id"] not in known and not _never_opened(record):
            yield _past(record)


def _past(record: dict[str, Any]) -> PastUse:
    started, ended = (datetime.fromisoformat(record[name]).timestamp() for name in ("started_at", "ended_at"))
    usage, cost, audio = (record.get(name) or {} for name in ("usage", "cost", "audio"))
    used = Amounts(cost.get("usd") or 0.0, usage.get("total_tokens", 0), audio.get("in_seconds", 0.0), max(0.0, ended - started))
    return PastUse(record["principal"], record["route"], started, ended, used)


def _never_opened(record: dict[str, Any]) -> bool:
    return (record.get("error") or {}).get("code") == "handshake_failed" and not record["turns"]


def _moment(unix: float) -> datetime:
    return datetime.fromtimestamp(unix, UTC)
