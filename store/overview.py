"""What a live list of sessions shows: those that run, the newest that do not, the figures of the day. Cheap enough to be asked often."""

from __future__ import annotations

from collections.abc import Container
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC
from datetime import datetime
from typing import Any

from realtime.latencies import percentile
from store.facts import facts
from store.filters import Filter
from store.query import Wanted
from store.reader import LogReader

Record = dict[str, Any]


def overview(log: LogReader, running: Sequence[Record], wanted: Filter, limit: int, now: datetime) -> Record:
    """`{sessions, totals}` of the sessions that fit, at most `limit` of those that do not run; each with `live`.

    Totals are `{open, cost, first_audio}`, apart from `open` of those that began on this day (UTC). Raises StoreError.
    """
    fits = Wanted(since=wanted.since, until=wanted.until, globs=wanted.globs)
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    having = _having(log, running, wanted, midnight)
    live = [record for record in running if fits.fits(record) and record["id"] in having]
    ids = {record["id"] for record in running}
    logged = log.sessions(since=wanted.since, until=wanted.until, globs=wanted.globs, text=wanted.text, limit=limit + len(live))
    past = [record for record in logged if record["id"] not in ids][:limit]
    sessions = [*({**record, "live": True} for record in live), *({**record, "live": False} for record in past)]
    return {"sessions": sessions, "totals": _totals(log, live, ids, replace(fits, since=max(midnight, fits.since or midnight)), having)}


def _having(log: LogReader, running: Sequence[Record], wanted: Filter, midnight: datetime) -> Container[str]:
    """Which of those that run, or began today, have the words that are looked for."""
    if wanted.text is None:
        return _All()
    begun = min([midnight, *(datetime.fromisoformat(record["started_at"]) for record in running)])
    since = max(begun, wanted.since or begun)
    found = log.sessions(since=since, until=wanted.until, globs=wanted.globs, text=wanted.text, limit=None)
    return {str(record["id"]) for record in found}


class _All:
    """Where no words are looked for."""

    def __contains__(self, session: object) -> bool:
        return True


def _totals(log: LogReader, live: Sequence[Record], ids: set[str], today: Wanted, having: Container[str]) -> Record:
    found = [known for known in log.tally(today) if known.id not in ids and known.id in having]
    found += [facts(record) for record in live if today.fits(record)]
    prices = [known.usd for known in found if known.usd is not None]
    partial = any(known.partial for known in found)
    waits = sorted(wait for known in found for wait in known.waits)
    audio = {"p50": percentile(waits, 50), "p95": percentile(waits, 95), "turns": len(waits)} if waits else None
    return {"open": len(live), "cost": {"usd": sum(prices) if prices or not found else None, "partial": partial}, "first_audio": audio}
