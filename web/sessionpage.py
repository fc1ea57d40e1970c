"""The page of one session: its lanes, what was said, what was found, what it cost; played back, or growing while it runs."""

from __future__ import annotations

import asyncio
from datetime import UTC
from datetime import datetime
from typing import Any
from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.responses import JSONResponse
from starlette.responses import Response
from starlette.routing import Route

from store.export.native import native
from store.reader import LogReader
from web.live import Change
from web.live import Watch
from web.query import known
from web.query import page as part_of
from web.rendering import page
from web.rendering import render
from web.sound import STATES
from web.sound import Find
from web.stream import events
from web.timeline import shown
from web.timeline import timed
from web.timeline import timeline

Record = dict[str, Any]

AT_ONCE: Final = 100
"""Turns that come with the page; more come when they are asked for."""


class SessionPage:
    """`find` gives the record of a session, live or past."""

    def __init__(self, log: LogReader, find: Find, watch: Watch) -> None:
        self._log = log
        self._find = find
        self._watch = watch
        self.routes = [
            Route("/sessions/{id}.json", self.json),
            Route("/sessions/{id}", self.page),
            Route("/sessions/{id}/timeline.json", self.timeline),
            Route("/sessions/{id}/turns", self.turns),
            Route("/live/sessions/{id}", self.live),
        ]

    async def page(self, request: Request) -> Response:
        session = await self._find(request.path_params["id"])
        return await asyncio.to_thread(self._page, session)

    async def json(self, request: Request) -> Response:
        """`{session, turns, findings}`."""
        session = await self._find(request.path_params["id"])
        turns, findings = await asyncio.to_thread(self._read, session)
        return JSONResponse({"session": session, "turns": turns, "findings": [native(finding) for finding in findings]})

    async def timeline(self, request: Request) -> Response:
        """As `web.timeline.timeline`."""
        session = await self._find(request.path_params["id"])
        return JSONResponse(await asyncio.to_thread(lambda: timeline(session, *self._read(session), datetime.now(UTC))))

    async def turns(self, request: Request) -> Response:
        """A part of the turns as a part of the page."""
        known(request.query_params, ("limit", "offset"))
        part = part_of(request.query_params, "asc")
        session = await self._find(request.path_params["id"])
        return HTMLResponse(await asyncio.to_thread(self._turns, session, part.offset, part.limit))

    async def live(self, request: Request) -> Response:
        """What happens in the session, as parts of the page: `{html}`, of a turn also its `index`."""
        session = await self._find(request.path_params["id"])
        return events(self._watch, lambda kind, name: name == session["id"], lambda change: self._changed(session, change))

    def _page(self, session: Record) -> Response:
        turns, findings = self._read(session)
        part = shown(session, turns[:AT_ONCE], findings)
        sound = STATES[(session.get("recording") or {}).get("state")] if not _has_sound(session) else ""
        return page("session.html", session=session, turns=part, findings=timed(session, findings), count=len(turns), sound=sound)

    def _turns(self, session: Record, offset: int, limit: int) -> str:
        turns, findings = self._read(session)
        part = shown(session, turns[offset : offset + limit], findings)
        return "".join(render("turn.html", turn=turn) for turn in part)

    def _changed(self, session: Record, change: Change) -> Record:
        match change.kind:
            case "session":
                return {"html": render("session_head.html", session=change.record), "ended": change.record["ended_at"] is not None}
            case "turn":
                (turn,) = shown(session, [change.record], self._findings(session))
                return {"html": render("turn.html", turn=turn), "index": change.record["index"]}
            case "finding":
                return {"html": render("findings_list.html", findings=timed(session, [change.record]))}

    def _read(self, session: Record) -> tuple[list[Record], list[Record]]:
        return self._log.turns(session["id"]), self._findings(session)

    def _findings(self, session: Record) -> list[Record]:
        """Those of the session, in order; a finding stands in the file of its own day."""
        since = datetime.fromisoformat(session["started_at"])
        return self._log.findings(session_id=session["id"], since=since, limit=None, order="asc")


def _has_sound(session: Record) -> bool:
    return (session.get("recording") or {}).get("state") == "ready"
