"""The page of breakpoints: set and removed there, and what they paused is changed, dropped or let go; of all sessions or of one.

It acts through the routes of `web.breakpoints`, as any program may.
"""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.responses import Response
from starlette.routing import Route

from addons.breaking import Breaks
from store.clock import stamp
from store.clock import utc_now
from web.breakpoints import TIMEOUTS
from web.live import Change
from web.live import Watch
from web.query import known
from web.rendering import page
from web.sound import Find
from web.stream import page_events

Record = dict[str, Any]

TIMEOUT = 30
"""Seconds that the form proposes: people read and write more slowly than programs."""


class BreakpointPage:
    """`breaks` is None where the port has no live sessions; it is asked on the event loop. `find` gives the record of a session."""

    def __init__(self, breaks: Breaks | None, find: Find, watch: Watch) -> None:
        self._breaks = breaks
        self._find = find
        self._watch = watch
        self.routes = [
            Route("/breakpoints", self.page),
            Route("/breakpoints.json", self.json),
            Route("/live/paused", self.live),
        ]

    async def page(self, request: Request) -> Response:
        session = await self._session(request)
        found = self._found(session)
        return await asyncio.to_thread(page, "breakpoints.html", session=session, timeouts=TIMEOUTS, timeout=TIMEOUT, **found)

    async def json(self, request: Request) -> Response:
        """`{allowed, now, breakpoints, paused}`; of one session those breakpoints that name it."""
        return JSONResponse(self._found(await self._session(request)))

    async def live(self, request: Request) -> Response:
        """What is paused and what goes on, for pages that follow nothing else."""
        known(request.query_params, ())
        return page_events(self._watch, lambda kind, session: False, _nothing)

    async def _session(self, request: Request) -> Record | None:
        """Raises Refused 404."""
        known(request.query_params, ("session",))
        return await self._find(request.query_params["session"]) if "session" in request.query_params else None

    def _found(self, session: Record | None) -> Record:
        breaks, now = self._breaks, stamp(utc_now())
        if breaks is None or not breaks.allowed:
            return {"allowed": False, "now": now, "breakpoints": [], "paused": []}
        points = [point for point in breaks.points() if session is None or session["id"] in point["q"]]
        paused = [stop for stop in breaks.paused() if session is None or stop["session"] == session["id"]]
        return {"allowed": True, "now": now, "breakpoints": points, "paused": paused}


async def _nothing(change: Change) -> None:
    """Nothing else is told."""
