"""The page of one session: its lanes, what was said, what was found, what it cost; played back, or growing while it runs."""

from __future__ import annotations

from datetime import UTC
from datetime import datetime
from datetime import timedelta
from itertools import chain
from typing import Any
from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.responses import Response
from starlette.routing import Route

from store.export.native import native
from store.reader import LogReader
from web.body import Body
from web.live import Change
from web.live import Watch
from web.query import known
from web.query import page as part_of
from web.reading import Work
from web.rendering import as_json
from web.rendering import encoded
from web.rendering import render
from web.rendering import whole
from web.sound import STATES
from web.sound import Find
from web.stream import page_events
from web.timeline import shown
from web.timeline import silenced
from web.timeline import timed
from web.timeline import timeline

Record = dict[str, Any]

AT_ONCE: Final = 100
"""Turns that come with the page; more come when they are asked for."""


class SessionPage:
    """`find` gives the record of a session, live or past."""

    def __init__(self, find: Find, watch: Watch, work: Work) -> None:
        self._work = work
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
        return whole(await self._work(whole_page, session))

    async def json(self, request: Request) -> Response:
        """`{session, turns, findings}`."""
        session = await self._find(request.path_params["id"])
        return as_json(await self._work(twin, session))

    async def timeline(self, request: Request) -> Response:
        """As `web.timeline.timeline`."""
        session = await self._find(request.path_params["id"])
        return as_json(await self._work(lanes, session))

    async def turns(self, request: Request) -> Response:
        """A part of the turns as a part of the page."""
        known(request.query_params, ("limit", "offset"))
        part = part_of(request.query_params, "asc")
        session = await self._find(request.path_params["id"])
        return HTMLResponse(await self._work(some_turns, session, part.offset, part.limit))

    async def live(self, request: Request) -> Response:
        """What happens in the session, as parts of the page: `{html}`, of a turn also its `index`."""
        session = await self._find(request.path_params["id"])
        return page_events(self._watch, lambda kind, name: name == session["id"], lambda change: self._work(changed, session, change))


def whole_page(log: LogReader, session: Record) -> str:
    """The page as HTML."""
    findings = _findings(log, session)
    part = shown(session, log.turns(session["id"], limit=AT_ONCE), findings)
    sound = STATES[(session.get("recording") or {}).get("state")] if not _has_sound(session) else ""
    outside = silenced(session).get(None, {})
    return render(
        "session.html",
        session=session,
        turns=part,
        findings=timed(session, findings),
        count=log.turn_count(session["id"]),
        sound=sound,
        outside=outside,
    )


def twin(log: LogReader, session: Record) -> Body:
    """All of it as JSON."""
    turns = (b"," * (number > 0) + encoded(turn) for number, turn in enumerate(log.each_turn(session["id"])))
    findings = encoded([native(finding) for finding in _findings(log, session)])
    return Body.of(chain((b'{"session":', encoded(session), b',"turns":['), turns, (b'],"findings":', findings, b"}")))


def lanes(log: LogReader, session: Record) -> Body:
    """The timeline as JSON."""
    return Body.of([encoded(timeline(session, log.bare_turns(session["id"]), _findings(log, session), datetime.now(UTC)))])


def some_turns(log: LogReader, session: Record, offset: int, limit: int) -> str:
    """Turns as HTML."""
    turns = log.turns(session["id"], offset=offset, limit=limit)
    return "".join(render("turn.html", turn=turn) for turn in shown(session, turns, _findings(log, session)))


def changed(log: LogReader, session: Record, change: Change) -> Record:
    """What is told of a change."""
    match change.kind:
        case "session":
            return {"html": render("session_head.html", session=change.record), "ended": change.record["ended_at"] is not None}
        case "turn":
            (turn,) = shown(session, [change.record], _findings(log, session))
            return {"html": render("turn.html", turn=turn), "index": change.record["index"]}
        case "finding":
            return {"html": render("findings_list.html", findings=timed(session, [change.record]))}
        case "paused" | "resumed":
            return change.record


def _findings(log: LogReader, session: Record) -> list[Record]:
    """Those of the session, in order; a finding stands in the file of its own day, or the next where it was made after the end."""
    since, ended = datetime.fromisoformat(session["started_at"]), session["ended_at"]
    until = None if ended is None else datetime.fromisoformat(ended) + timedelta(days=1)
    return log.findings(session_id=session["id"], since=since, until=until, limit=None, order="asc")


def _has_sound(session: Record) -> bool:
    return (session.get("recording") or {}).get("state") == "ready"
