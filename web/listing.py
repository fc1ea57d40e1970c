"""Sessions live and past, as requests ask for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from web.paging import Page
from web.reading import Work
from web.sessionlist import found_in
from web.sessionlist import listed

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
