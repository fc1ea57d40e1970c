"""Sessions live and past as one list, in the order of their start: the log's, with those that run as they stand now."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any

from store.query import Wanted
from store.query import has_text
from store.reader import LogReader
from web.query import Page

Record = dict[str, Any]
Live = Callable[[], list[Record]]


class Listing:
    """Each record has `live`. `live` is called on the event loop; the log is read off it."""

    def __init__(self, log: LogReader, live: Live) -> None:
        self._log = log
        self._live = live

    async def part(self, page: Page, conditions: dict[str, Any]) -> tuple[list[Record], bool]:
        """A page of the sessions that fit, and whether there are more; conditions are those of `LogReader.sessions`."""
        live = {record["id"]: record for record in self._live()}
        unlogged = await self._unlogged(live, conditions)
        offset = 0 if unlogged else page.offset
        logged = await asyncio.to_thread(
            self._log.sessions, **conditions, limit=page.offset - offset + page.limit + 1, offset=offset, order=page.order
        )
        rows = [live.get(record["id"], record) for record in logged] + unlogged
        rows.sort(key=lambda record: str(record["started_at"]), reverse=page.order == "desc")
        shown = [{**record, "live": record["id"] in live} for record in rows[page.offset - offset :]]
        return shown[: page.limit], len(shown) > page.limit

    async def find(self, session: str) -> Record | None:
        """The record with this id, live or past."""
        live = next((record for record in self._live() if record["id"] == session), None)
        if live is not None:
            return {**live, "live": True}
        found = await asyncio.to_thread(self._log.session, session)
        return None if found is None or found["id"] != session else {**found, "live": False}

    async def _unlogged(self, live: dict[str, Record], conditions: dict[str, Any]) -> list[Record]:
        """Live sessions that fit and are not in the log, because it keeps no records or cannot be written."""
        fitting = [record for record in live.values() if fits(record, conditions)]
        logged = await asyncio.to_thread(lambda: [self._log.session(record["id"]) for record in fitting])
        return [record for record, found in zip(fitting, logged, strict=True) if found is None]


def fits(record: Record, conditions: dict[str, Any]) -> bool:
    """Whether a session fits conditions as they are given to the log; of its turns nothing is known here."""
    names: dict[str, str | datetime] = {name: value for name, value in conditions.items() if name != "text"}
    return Wanted(**names).fits(record) and has_text(record, (conditions.get("text") or "").casefold())  # type: ignore[arg-type]
