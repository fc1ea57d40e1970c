"""Sessions live and past as one list, in the order of their start: the log's, with those that run as they stand now."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from store.query import Wanted
from store.query import has_text
from store.reader import LogReader
from web.query import Page
from web.reading import Work

Record = dict[str, Any]
Live = Callable[[], list[Record]]


class Listing:
    """Each record has `live`. `live` is called on the event loop; the log is read off it."""

    def __init__(self, live: Live, work: Work) -> None:
        self._live = live
        self._work = work

    @property
    def live(self) -> list[Record]:
        """The sessions that run, as they stand now."""
        return self._live()

    async def part(self, page: Page, conditions: dict[str, Any]) -> tuple[list[Record], bool]:
        """As `listed`."""
        return await self._work(listed, self._live(), page, conditions)

    async def find(self, session: str) -> Record | None:
        """The record with this id, live or past."""
        live = next((record for record in self._live() if record["id"] == session), None)
        if live is not None:
            return {**live, "live": True}
        found = await self._work(found_in, session)
        return None if found is None else {**found, "live": False}


def found_in(log: LogReader, session: str) -> Record | None:
    """The session with an id, to the letter."""
    return log.named(session)


def listed(log: LogReader, now: list[Record], page: Page, conditions: dict[str, Any]) -> tuple[list[Record], bool]:
    """A page of the sessions that fit, and whether there are more; conditions are those of `LogReader.sessions`, `now` those that run."""
    live = {record["id"]: record for record in now}
    unlogged = [record for record in now if fits(record, conditions) and log.named(record["id"]) is None]
    offset = 0 if unlogged else page.offset
    logged = log.sessions(**conditions, limit=page.offset - offset + page.limit + 1, offset=offset, order=page.order)
    rows = [live.get(record["id"], record) for record in logged] + unlogged
    rows.sort(key=lambda record: str(record["started_at"]), reverse=page.order == "desc")
    shown = [{**record, "live": record["id"] in live} for record in rows[page.offset - offset :]]
    return shown[: page.limit], len(shown) > page.limit


def fits(record: Record, conditions: dict[str, Any]) -> bool:
    """Whether a session fits conditions as they are given to the log; of its turns nothing is known here."""
    names: dict[str, str | datetime] = {name: value for name, value in conditions.items() if name != "text"}
    return Wanted(**names).fits(record) and has_text(record, (conditions.get("text") or "").casefold())  # type: ignore[arg-type]
