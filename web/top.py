"""`GET /api/top`: what `./run.sh top` shows, in one answer: running sessions as they stand now, the newest others, the day's figures."""

from __future__ import annotations

from datetime import UTC
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from store.filters import SESSION
from store.filters import Filter
from store.overview import overview
from store.reader import LogReader
from web.listing import Listing
from web.listing import Record
from web.query import filtered
from web.query import known
from web.query import page
from web.reading import Work
from web.rendering import as_json
from web.rendering import encoded


class Top:
    """The route of the overview."""

    def __init__(self, listing: Listing, work: Work) -> None:
        self._listing = listing
        self._work = work
        self.routes = [Route("/api/top", self.top)]

    async def top(self, request: Request) -> Response:
        """`{sessions, totals}` as `store.overview` has them; `limit` is of sessions that do not run."""
        known(request.query_params, ("q", "limit"))
        wanted = filtered(request.query_params, SESSION)
        return as_json(await self._work(top, self._listing.live, wanted, page(request.query_params, "desc").limit))


def top(log: LogReader, running: list[Record], wanted: Filter, limit: int) -> bytes:
    """The overview as JSON."""
    return encoded(overview(log, running, wanted, limit, datetime.now(UTC)))
