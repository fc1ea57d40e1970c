"""What reaches open pages of findings and of usage while things happen: rows that fit, and that figures changed."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from store.filters import FINDING
from store.filters import Filter
from store.query import Listed
from store.query import has_text
from web.live import Change
from web.live import Watch
from web.query import filtered
from web.query import known
from web.rendering import render
from web.stream import page_events

Record = dict[str, Any]


class Feeds:
    """The streams behind the pages of `web.reports`."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self.routes = [Route("/live/findings", self.findings), Route("/live/usage", self.usage)]

    async def findings(self, request: Request) -> Response:
        """Findings that fit, as rows of the list: `{id, html, place}`, where `place` is always `new`."""
        known(request.query_params, ("q",))
        wanted = filtered(request.query_params, FINDING)
        return page_events(self._watch, lambda kind, session: kind == "finding", lambda change: asyncio.to_thread(_row, change, wanted))

    async def usage(self, request: Request) -> Response:
        """`{}` whenever a session opened, went on or ended: what was used may have changed."""
        known(request.query_params, ())
        return page_events(self._watch, lambda kind, session: kind == "session", _something)


def _row(change: Change, wanted: Filter) -> Record | None:
    if not _fits(change.record, wanted):
        return None
    return {"id": change.record["id"], "html": render("finding_row.html", finding=change.record), "place": "new"}


def _fits(finding: Record, wanted: Filter) -> bool:
    listed = Listed(since=wanted.since, until=wanted.until, globs=wanted.globs)
    return listed.fits(finding) and has_text(finding, (wanted.text or "").casefold())


async def _something(change: Change) -> Record:
    return {}
